"""``lorasweep front --plot``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sweeps.running import RunningSweep

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    made = RunningSweep(tmp_path)
    made.measure_base()
    for accuracy, ratio in ((60.0, 0.01), (90.0, 0.09), (80.0, 0.02)):
        made.end(made.begin(), accuracy, ratio)
    return made.stores.root


def test_the_first_two_objectives_are_drawn_unless_others_are_named(cli: Cli, runs: Path) -> None:
    code, text, _ = cli("front", "--runs", runs, "--plot")
    assert code == 0
    assert text.startswith("f1 (better up)")
    assert "math_accuracy (better right)" in text
    _, text, _ = cli("front", "--runs", runs, "--plot", "--x", "ratio")
    assert text.startswith("math_accuracy (better up)")
    assert "ratio (better left)" in text
    assert "K" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plot", "--x", "em"), "--x em: em was not measured; expected one of f1, math_accuracy, ratio"),
        (("--plot", "--x", "f1", "--y", "f1"), "--x and --y are both f1"),
        (("--x", "f1"), "add --plot"),
        (("--plot", "--json"), "give one of them"),
        (("--plot", "--sort", "f1"), "give one of them"),
    ],
)
def test_what_cannot_be_drawn_is_said(cli: Cli, runs: Path, arguments: tuple[str, ...], message: str) -> None:
    code, text, error = cli("front", "--runs", runs, *arguments)
    assert code == 2
    assert text == ""
    assert message in " ".join(error.split())
