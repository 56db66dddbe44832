"""What others made, read into facts: a folder of MindFormers YAML, logs, predictions and reports."""
