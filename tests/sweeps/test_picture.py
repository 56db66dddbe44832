"""The live picture as any terminal gets it: widths, no colours, other alphabets, hostile names."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from sweeps.config import SweepConfig, load_sweep
from sweeps.picture import Picture, Progress, Snapshot, duration
from sweeps.results import Result, find_front
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


def job(number: int = 3, slot: str = "0", done: int = 30) -> Progress:
    course = Course(None, "epochs")
    course.add(StepRecord(1, 1, i, 60, 3.0 - i / 30, 2.0, 1e-4, False, 1.0, None) for i in range(1, done + 1))
    return Progress.of(f"trial-{number:04d}", 3, slot, 75.0, course)


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
    text = drawn(snapshot(config, [job(), job(4, "1 on another-host")], RESULTS), width, color_system=colours)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_shows_job_step_time_left_budget_front_and_hypervolume(config: SweepConfig, width: int) -> None:
    text = " ".join(drawn(snapshot(config, [job()], RESULTS), width).split())
    for part in ("训练-sweep", "4 of 10", "14 epochs", "3.21 card_hours", "trial-0003", "30/60", "60 s", "trial-0001"):
        assert part in text
    assert "trial-0002 knee" in text
    assert "hypervolume 0.29 ▁" in text


@pytest.mark.parametrize("width", [80, 160])
def test_wider_terminals_show_slot_rung_and_loss(config: SweepConfig, width: int) -> None:
    text = drawn(snapshot(config, [job(slot="5 on node-2")], RESULTS), width)
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
    jobs = [job(n, str(n)) for n in range(16)]
    text = drawn(snapshot(config, jobs, many), 80, height=24)
    assert len(text.splitlines()) < 24
    assert "knee" in text
    assert "and 9 more jobs" in text
    assert re.search(r"and \d+ more: `lorasweep front`", text)


def test_a_job_without_a_log_here_says_so() -> None:
    assert Progress.of("trial-0001", 1, "0 on node-2", 5.0, None).step == "log elsewhere"


def test_a_job_measures_once_its_training_is_over() -> None:
    assert job(done=60).step == "measuring"
    assert Progress.of("base", None, "0", 5.0, Course(None, "epochs")).step == "measuring"
    assert Progress.of("trial-0001", 1, "0", 5.0, Course(1, "epochs")).step == "starting"


def test_a_log_gets_all_of_it_on_one_line(config: SweepConfig) -> None:
    line = snapshot(config, [job()]).line
    assert line == "4 of 10 trials started; left: 14 epochs, 3.21 card_hours  trial-0003 30/60 (60 s left)"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (259200, "3.0 d")]
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration(seconds) == text
