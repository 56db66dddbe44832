"""The live picture as any terminal gets it: widths, no colours, other alphabets, hostile names."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from sweeps.config import SweepConfig, load_sweep
from sweeps.picture import Picture
from sweeps.results import Result, find_front
from sweeps.snapshot import Progress, Snapshot, duration
from tests.short_sweep import write_sweep
from tests.sweeps.made import OBJECTIVES, result
from trainer.course import Course
from trainer.step_log import StepRecord

WIDTHS = (40, 80, 160)
HOSTILE = "[red]rm -rf[/red] \x1b[2J训练"


@pytest.fixture
def config(tmp_path: Path) -> SweepConfig:
    loaded = load_sweep(write_sweep(tmp_path))[0]
    return loaded.model_copy(update={"objectives": OBJECTIVES, "name": "训练-sweep"})


def job(number: int = 3, slot: int = 0, done: int = 30, host: str = "") -> Progress:
    course = Course(None, "epochs")
    course.add(StepRecord(1, 1, i, 60, 3.0 - i / 30, 2.0, 1e-4, False, 1.0, None) for i in range(1, done + 1))
    return Progress.of(f"trial-{number:04d}", 3, slot, 75.0, course, host)


def snapshot(config: SweepConfig, jobs: Sequence[Progress] = (), results: Sequence[Result] = ()) -> Snapshot:
    front = find_front(results, OBJECTIVES)
    volumes = [i / 100 for i in range(30)] if results else []
    return Snapshot(config, 10, 4, {"epochs": 14.0, "card_hours": 3.21}, jobs, front, volumes)


def drawn(now: Snapshot, width: int, height: int = 50, **console: object) -> str:
    options: dict[str, object] = {"file": io.StringIO(), "width": width, "height": height, **console}
    screen = Console(**options)  # type: ignore[arg-type]
    with screen.capture() as capture:
        screen.print(Picture(now))
    return capture.get()


RESULTS = [
    result(0, 60.0, 0.01, learning_rate=1e-4, note=HOSTILE),
    result(1, 90.0, 0.09, learning_rate=1e-3, note="中文"),
    result(2, 80.0, 0.02, learning_rate=5e-4, note="x" * 200),
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("colours", ["truecolor", None])
def test_no_line_is_wider_than_the_terminal(config: SweepConfig, width: int, colours: str | None) -> None:
    text = drawn(snapshot(config, [job(), job(4, 1, host="another-host")], RESULTS), width, color_system=colours)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_shows_job_step_time_left_budget_front_and_hypervolume(config: SweepConfig, width: int) -> None:
    text = " ".join(drawn(snapshot(config, [job()], RESULTS), width).split())
    for part in ("训练-sweep", "4 of 10", "14 epochs", "3.21 card_hours", "trial-0003", "30/60", "60 s", "trial-0001"):
        assert part in text
    assert "trial-0002 knee" in text
    assert "hypervolume 0.29 ▁" in text


HOST = "node-7.cluster.example.org"
BUSY = replace(job(12, 3, host=HOST), step="1234/43210", seconds_left=3720.0, seconds=4000.0, loss=1.234)
JOBS = (BUSY, replace(job(4), seconds_left=0.0))
WHOLE = {
    *("job", "to", "slot", "step", "losses", "loss", "left", "running"),
    *("trial-0012", "3 epochs", f"3 on {HOST}", "3", "1234/43210", "1.234", "62 min", "67 min"),
    *("trial-0004", "0", "30/60", "2.000", "0 s", "75 s"),
    *("math_accuracy (max)", "math_accuracy", "(max)", "ratio (min)", "ratio", "(min)", "front (3)", "configuration"),
    *("trial-0010 knee", "trial-0011", "trial-0012"),
    *(
        "97.33",
        "97.33 [92.33, 102.3]",
        "0.009079",
        "61",
        "61 [56, 66]",
        "0.001234",
        "98.25",
        "98.25 [93.25, 103.2]",
        "0.09",
    ),
    *("learning_rate=0.002734", "target_modules=wq,wk,wv,wo", "lora_rank=4", "+1", "+2", "note=数据"),
    *(
        "math_accuracy 97.33",
        "ratio 0.009079",
        "math_accuracy 61",
        "ratio 0.001234",
        "math_accuracy 98.25",
        "ratio 0.09",
    ),
}


def test_nothing_shown_is_cut_at_any_width_and_job_step_time_left_and_values_are_shown(config: SweepConfig) -> None:
    parameters: dict[str, Any] = {"learning_rate": 0.002734, "target_modules": ["wq", "wk", "wv", "wo"], "lora_rank": 4}
    results = [
        result(10, 97.33, 0.009079, **parameters),
        result(11, 61.0, 0.001234, note="数据"),
        result(12, 98.25, 0.09, lora_rank=4),
    ]
    for width in range(30, 201):
        _, _, text = drawn(snapshot(config, JOBS, results), width).partition("job  ")
        trend = re.compile(r"hypervolume.*?measurements\n", re.DOTALL)
        shown = [cell for cell in re.split(r"\s{2,}|\n", "job  " + trend.sub("", text)) if cell]
        assert {cell for cell in shown if not re.fullmatch("[▁-█·]+", cell)} <= WHOLE, width
        for cell in ("trial-0012", "1234/43210", "62 min", "trial-0004", "30/60", "0 s", "trial-0010 knee"):
            assert cell in shown, width
        for value in ("97.33", "0.009079", "61", "0.001234", "98.25", "0.09"):
            assert any(re.search(rf"(^| ){value}($| )", cell) for cell in shown), width


@pytest.mark.parametrize("width", [80, 160])
def test_wider_terminals_show_slot_rung_and_loss(config: SweepConfig, width: int) -> None:
    text = drawn(snapshot(config, [job(slot=5, host="node-2")], RESULTS), width)
    for part in ("5 on node-2", "3 epochs", "2.000"):
        assert part in text


def test_losses_that_fall_are_bars_that_fall_and_what_is_to_come_are_dots(config: SweepConfig) -> None:
    assert "█▇▆▅▃▂▁·····" in drawn(snapshot(config, [job(done=35)]), 80)
    assert re.search(r"█[▂-▇]+▁·+ ", drawn(snapshot(config, [job()]), 160))


@pytest.mark.parametrize("width", WIDTHS)
def test_names_are_no_markup_and_steer_no_terminal(config: SweepConfig, width: int) -> None:
    hostile = config.model_copy(update={"name": HOSTILE})
    text = drawn(snapshot(hostile, [replace(job(), label=HOSTILE)], RESULTS), width, color_system=None)
    assert "[red]rm" in text
    assert "\x1b" not in text


def test_without_colours_the_knee_is_still_told(config: SweepConfig) -> None:
    text = drawn(snapshot(config, [], RESULTS), 80, color_system=None, force_terminal=True)
    assert "\x1b" not in text
    assert "trial-0002 knee" in text


def test_a_terminal_without_unicode_gets_ascii(config: SweepConfig) -> None:
    plain = config.model_copy(update={"name": "short"})
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    assert drawn(snapshot(plain, [job()], RESULTS[:1]), 80, file=file).isascii()


def test_a_low_terminal_shows_the_knee_and_says_how_much_is_left_out(config: SweepConfig) -> None:
    many = [result(n, 50.0 + n, 0.01 + n / 1000) for n in range(40)]
    jobs = [job(n, n) for n in range(16)]
    text = drawn(snapshot(config, jobs, many), 80, height=24)
    assert len(text.splitlines()) < 24
    assert "knee" in text
    assert "and 9 more jobs" in text
    assert re.search(r"and \d+ more: `lorasweep front`", text)


def test_a_job_without_a_log_here_says_so() -> None:
    assert Progress.of("trial-0001", 1, 0, 5.0, None, "node-2").step == "log elsewhere"


def test_a_job_measures_once_its_training_is_over() -> None:
    assert job(done=60).step == "measuring"
    assert Progress.of("base", None, 0, 5.0, Course(None, "epochs")).step == "measuring"
    assert Progress.of("trial-0001", 1, 0, 5.0, Course(1, "epochs")).step == "starting"


def test_a_log_gets_all_of_it_on_one_line(config: SweepConfig) -> None:
    line = snapshot(config, [job()]).line
    assert line == "4 of 10 trials started; left: 14 epochs, 3.21 card_hours  trial-0003 30/60 (60 s left)"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (259200, "3.0 d")]
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration(seconds) == text
