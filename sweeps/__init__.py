"""Sweeps: the study, the loop, tracking, front, export and the command line."""
