"""The tiny base model that lorasweep ships: its words, its corpus, its pretraining."""
