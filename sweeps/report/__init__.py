"""The report of one trial: what a contest asks for, each number with its source."""
