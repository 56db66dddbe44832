"""Contradictions between the YAML, logs, predictions and reports of a dossier."""
