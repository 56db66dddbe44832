from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "search_spaces": {"search_spaces"},
    "evaluation": {"evaluation"},
    "trainer": {"trainer", "evaluation"},
    "sweeps": {"sweeps", "trainer", "evaluation", "search_spaces"},
}
# what delivers to MLflow, and what runs inside of its server
IMPORT_MLFLOW = ("sweeps/mlflow_calls.py", "sweeps/mlflow_store.py", "sweeps/ui/plugin.py")
FILES = [file for package in ALLOWED for file in sorted((ROOT / package).rglob("*.py"))]


def imported(file: Path) -> set[str]:
    """Top-level packages that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        found |= {name.split(".")[0] for name in names}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_one_way(file: Path) -> None:
    package = file.relative_to(ROOT).parts[0]
    assert imported(file) & ALLOWED.keys() <= ALLOWED[package]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_study_and_tracking_stay_in_sweeps(file: Path) -> None:
    package = file.relative_to(ROOT).parts[0]
    if package in ("trainer", "evaluation"):
        assert imported(file).isdisjoint({"optuna", "mlflow"})
    if file.relative_to(ROOT).as_posix() not in IMPORT_MLFLOW:
        assert "mlflow" not in imported(file)
