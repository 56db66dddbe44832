from __future__ import annotations

import gzip
import math
from pathlib import Path

import pytest

from trainer.step_log import StepLog, parse, parse_line

REAL_LOG = Path(__file__).parents[3] / "shared/data/contest/logs/llama3_train_worker_0.log.gz"
OLD = (
    "2024-07-05 17:25:15 - INFO - { Epoch:[  1/  5], step:[    2/  535], loss: 2.248, per_step_time: 364368ms, "
    "lr: 1.25e-07, overflow cond: False, loss_scale: 1.0\n"
)
NEW = (
    "x - INFO - { Epoch:[  1/  2], step:[    8/   64], loss:[3.768956/3.822834], per_step_time: 77ms, "
    "lr: 0.0001994951, overflow cond: False, loss_scale: 1.0, global_norm: [1.8771187], train_throughput_per_npu: 0T\n"
)
DIVERGED = (
    "x - INFO - { Epoch:[  2/  2], step:[   64/   64], loss:[  nan/  nan], per_step_time: 70ms, "
    "lr: 1e+38, overflow cond: True, loss_scale: 1.0, global_norm: None\n"
)


@pytest.mark.skipif(not REAL_LOG.exists(), reason=f"the real log is not there: {REAL_LOG}")
def test_every_step_line_of_the_real_llama3_log_is_read() -> None:
    with gzip.open(REAL_LOG, "rt", encoding="utf-8") as file:
        lines = file.readlines()
    records = list(parse(lines))
    assert len(records) == sum("step:[" in line for line in lines)
    # sink_size 2: MindFormers prints every second one of 5 x 535 steps, the epoch's end where that is odd
    assert {(record.epochs, record.steps) for record in records} == {(5, 535)}
    steps = [record.global_step for record in records]
    assert steps == sorted(set(steps))
    assert (records[-1].loss, records[-1].seconds) == (1.489, 1.41)
    assert {epoch: max(r.step for r in records if r.epoch == epoch) for epoch in range(1, 6)}.keys() == {1, 2, 3, 4, 5}


def test_format_of_mindformers_1_0() -> None:
    record = parse_line(OLD)
    assert record is not None
    assert (record.global_step, record.total_steps, record.loss, record.seconds) == (2, 2675, 2.248, 364.368)
    assert record.global_norm is None


def test_format_of_mindformers_1_9() -> None:
    record = parse_line(NEW)
    assert record is not None
    assert (record.loss, record.learning_rate, record.global_norm) == (3.768956, 0.0001994951, 1.8771187)


def test_diverged_step_has_a_loss_that_is_not_finite_and_its_overflow() -> None:
    record = parse_line(DIVERGED)
    assert record is not None
    assert math.isnan(record.loss)
    assert record.overflow
    assert record.global_step == 128


def test_loss_that_the_log_does_not_have_is_not_a_number() -> None:
    record = parse_line(DIVERGED.replace("[  nan/  nan]", "[None/None]"))
    assert record is not None
    assert math.isnan(record.loss)


def test_line_without_a_step_is_no_record() -> None:
    assert parse_line("INFO - Create train dataset finish, dataset size:535") is None


def test_half_a_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "worker_0.log"
    log = StepLog(file)
    assert log.poll() == []
    file.write_text(OLD + NEW[:60])
    assert [record.loss for record in log.poll()] == [2.248]
    file.write_text(OLD + NEW)
    assert [record.loss for record in log.poll()] == [3.768956]
    assert log.poll() == []
