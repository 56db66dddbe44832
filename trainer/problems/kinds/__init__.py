"""The kinds of problem, one a file; a new one is a file here and its name in ``TABLE``."""

from __future__ import annotations

from collections.abc import Mapping

from trainer.problems.kind import Kind
from trainer.problems.kinds import (
    areas,
    averages,
    discounts,
    four_operations,
    fractions,
    function_values,
    linear_equations,
    mass,
    powers,
    sales,
    square_roots,
)

_FILES = (
    four_operations,
    powers,
    square_roots,
    linear_equations,
    function_values,
    averages,
    areas,
    discounts,
    sales,
    mass,
    fractions,
)
TABLE: Mapping[str, Kind] = {file.KIND.name: file.KIND for file in _FILES}
"""Name -> kind."""
