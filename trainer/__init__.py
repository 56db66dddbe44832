"""What a trial does: recipe, parameter accounting, msrun launch, and the worker that it runs."""
