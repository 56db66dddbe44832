from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from sweeps.config import Objective
from sweeps.results import Result, find_front
from sweeps.scatter import Scatter
from tests.sweeps.made import OBJECTIVES, result

RATIO = Objective(metric="ratio", direction="minimize")
ACCURACY = Objective(metric="math_accuracy", direction="maximize")


def drawn(
    measured: Sequence[Result], base: Result | None = None, width: int = 50, height: int = 30, x: Objective = RATIO
) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    with console.capture() as capture:
        console.print(Scatter(x, ACCURACY, measured, base, find_front(measured, OBJECTIVES)))
    return capture.get().splitlines()


def canvas(lines: Sequence[str]) -> list[str]:
    """Return what stands right of the axis, row by row."""
    return [line.partition("| ")[2] for line in lines if "| " in line]


def test_points_stand_where_their_values_say() -> None:
    corners = [result(0, 0.0, 0.0), result(1, 100.0, 1.0), result(2, 50.0, 0.5)]
    rows = canvas(drawn(corners, width=50))
    assert len(rows) == 20
    width = 50 - len("100") - 3
    assert rows[-1].index("o") == 0
    assert rows[0].index("o") == width - 1
    (row,) = [i for i, text in enumerate(rows) if "K" in text]
    assert row in (9, 10)
    assert abs(rows[row].index("K") - (width - 1) / 2) <= 1


def test_each_kind_has_its_mark() -> None:
    points = [
        result(0, 60.0, 0.01),
        result(1, 90.0, 0.09),
        result(2, 55.0, 0.05),
        result(3, 95.0, 0.02, violation=1.0),
    ]
    text = "\n".join(canvas(drawn(points, base=result(None, 18.0, 0.0))))
    assert sorted(text.replace(" ", "").replace("\n", "")) == sorted("BKox.")


def test_the_knee_is_drawn_over_what_is_in_the_same_place() -> None:
    same = [replace(result(0, 60.0, 0.01), number=number) for number in range(50)]
    text = "\n".join(canvas(drawn([*same, result(99, 10.0, 0.5)])))
    assert "K" in text
    assert "o" not in text


def test_one_point_is_in_the_middle() -> None:
    rows = canvas(drawn([result(0, 60.0, 0.01)]))
    (row,) = [i for i, text in enumerate(rows) if "K" in text]
    assert row in (9, 10)


def test_what_has_no_value_is_not_drawn() -> None:
    known = result(0, 60.0, 0.01)
    unknown = replace(known, values={**known.values, "score": math.nan})
    (line,) = drawn([unknown], width=100, x=Objective(metric="score", direction="maximize"))
    assert "nothing to draw yet" in line


@pytest.mark.parametrize("width", [40, 80, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = drawn([result(0, 60.0, 0.01), result(1, 90.0, 0.09)], width=width)
    assert max(map(len, lines)) <= width
    assert sum("| " in line for line in lines) == 20


def test_a_low_terminal_holds_the_whole_plot() -> None:
    assert len(drawn([result(0, 60.0, 0.01), result(1, 90.0, 0.09)], width=80, height=12)) < 12


def test_axes_say_which_way_is_better_and_how_far_they_reach() -> None:
    lines = drawn([result(0, 60.0, 0.01), result(1, 90.0, 0.09)])
    assert lines[0] == "math_accuracy (better up)"
    assert any("ratio (better left)" in line for line in lines)
    assert any(line.split() == ["0.01", "0.09"] for line in lines)
    assert lines[1].startswith("90 |")
