"""Search spaces: sweep files read, checked, and put to Optuna."""
