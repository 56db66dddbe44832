from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from trainer.job import Job, Until

JOB = Job(
    tokenizer=Path("/t"),
    train=Path("/d"),
    protocol="math_contest",
    record=Path("/r"),
    base=Path("/b"),
    trainable=1,
    total=2,
    workers=1,
    benchmarks=(),
)


def test_job_of_a_rung_is_read_as_it_was_written(tmp_path: Path) -> None:
    job = JOB.model_copy(update={"until": Until(unit="steps", count=7), "resume": Path("/last/state.safetensors")})
    job.write(tmp_path / "job.json")
    assert Job.read(tmp_path / "job.json") == job


def test_job_without_a_rung_trains_from_the_base_to_the_recipes_end() -> None:
    assert (JOB.until, JOB.resume) == (None, None)


@pytest.mark.parametrize(("unit", "steps"), [("epochs", 30), ("steps", 3)])
def test_rung_is_counted_in_its_unit(unit: str, steps: int) -> None:
    assert Until.model_validate({"unit": unit, "count": 3}).steps(steps_per_epoch=10) == steps


def test_rung_at_the_start_is_refused() -> None:
    with pytest.raises(ValidationError):
        Until(unit="epochs", count=0)
