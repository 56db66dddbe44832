from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer import failures
from trainer.failures import Failure, Kind, classify, find_reason, rows
from trainer.log_text import HEAD_BYTES, TAIL_BYTES

DATA = Path(__file__).parent / "data/failures"
REAL = Path(__file__).parents[3] / "shared/data/contest/logs"
STAMP = "2026-11-25-22:46:{:02d}.000.000"
TIMED_OUT = "EI0006: Getting socket times out. Reason: Remote Rank did not send the data in time."
OUT_OF_MEMORY = "RuntimeError: Device(id:1) memory isn't enough and alloc failed, kernel name: MatMul, alloc size: 8B."
UNKNOWN_ERROR = (
    "Traceback (most recent call last):\n  File 'x.py', line 3, in f\nValueError: step 7 of /runs/t1 at 0x7f10"
)

# the end of msrun's log, whatever the cause
MSRUN = "RuntimeError: Distributed job exited with exception. Please check logs in directory: /runs/trial/msrun_log.\n"

Judge = Callable[..., Failure]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Classify a launch by its logs' texts: name without ``.log`` -> text; the order is that of the arguments."""

    def run(returncode: int | None = 1, **texts: str | bytes) -> Failure:
        logs = [tmp_path / f"{name}.log" for name in texts]
        for log, text in zip(logs, texts.values(), strict=True):
            log.write_bytes(text if isinstance(text, bytes) else text.encode())
        return classify(logs, returncode, tmp_path / "msrun.log")

    return run


def at(second: int, text: str) -> str:
    """A line as MindSpore logs it."""
    return f"[ERROR] DEVICE(1,7f00,python):{STAMP.format(second)} [x.cc:1] Run] {text}\n"


def launched(folder: Path) -> list[Path]:
    return [*sorted(folder.glob("worker_*.log")), folder / "scheduler.log", folder / "msrun.log"]


# what real launches of the tiny recipe printed; see the table's sources
@pytest.mark.parametrize(
    ("case", "kind", "name", "log"),
    [
        ("adapter_misfit", Kind.CONFIGURATION, "weights do not fit the network", "worker_0.log"),
        ("base_not_parallel", Kind.CONFIGURATION, "load_checkpoint of the wrong form", "worker_1.log"),
        ("damaged_base", Kind.CONFIGURATION, "weights cannot be read", "worker_0.log"),
        ("disk_full", Kind.HOST, "disk full", "worker_0.log"),
        ("killed_worker", Kind.HOST, "killed by SIGKILL", "msrun.log"),
        ("killed_worker_of_two", Kind.HOST, "killed by SIGKILL", "msrun.log"),
        ("missing_module", Kind.HOST, "import error", "worker_0.log"),
        ("no_address_space", Kind.HOST, "out of host memory", "worker_0.log"),
        ("no_address_space_in_one_of_two", Kind.HOST, "out of host memory", "worker_1.log"),
        ("port_taken", Kind.HOST, "port taken", "scheduler.log"),
    ],
)
def test_real_launch_that_failed_is_told_by_its_cause(case: str, kind: Kind, name: str, log: str) -> None:
    found = classify(launched(DATA / case), 1, DATA / case / "msrun.log")
    assert (found.kind, found.name, found.log) == (kind, name, DATA / case / log)


def test_every_recorded_launch_is_tested() -> None:
    assert len(list(DATA.iterdir())) == 12  # the ten above and two healthy ones


@pytest.mark.parametrize("case", ["healthy", "healthy_two_workers"])
def test_no_row_matches_a_launch_that_went_well(case: str) -> None:
    for log in launched(DATA / case):
        assert [row.name for row in rows() if row.positions("\n" + log.read_text())] == []


@pytest.mark.skipif(not REAL.exists(), reason="real logs are beside the checkout only")
def test_no_row_matches_a_real_log_of_cards() -> None:
    for log in REAL.glob("*.gz"):
        text = gzip.decompress(log.read_bytes()).decode("utf-8", "replace")
        assert [row.name for row in rows() if row.positions("\n" + text)] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_row_matches_its_own_example(row: failures.Row) -> None:
    assert row.positions("\n" + row.example)


@pytest.mark.parametrize("row", [row for row in rows() if row.root], ids=lambda row: row.name)
def test_example_of_a_root_cause_is_told_by_its_own_row(judge: Judge, row: failures.Row) -> None:
    found = judge(worker_0=row.example)
    assert (found.kind, found.name, found.advice) == (row.kind, row.name, row.advice)


def test_no_pattern_repeats_without_bound() -> None:
    for row in rows():
        for pattern in row.patterns:
            assert not re.search(r"(?<!\\)[*+](?!\])|\{\d*,\}", re.sub(r"\[[^\]]*\]", "", pattern)), pattern


def test_every_row_begins_with_plain_text() -> None:
    for row in rows():
        assert all(re.match(r"\^?(?:\w|\\?[\[\]( ':#`,])", pattern) for pattern in row.patterns), row.patterns


def test_rows_of_one_name_and_kind_fail_the_same_way() -> None:
    kinds: dict[str, set[Kind]] = {}
    for row in rows():
        kinds.setdefault(row.name, set()).add(row.kind)
    assert all(len(found) == 1 for found in kinds.values())


def test_every_row_has_advice_and_a_source() -> None:
    assert all(row.advice and row.source for row in rows())


def test_code_within_a_word_is_no_code(judge: Judge) -> None:
    assert judge(worker_0="saved MODEL0004 to LEL0004 and EL00041\n").name == "no error stated"


def test_retry_of_the_cluster_is_no_failure_and_the_last_one_is(judge: Judge) -> None:
    retry = "BuildCluster] Topology build timed out., retry({}/60).\n"
    assert judge(worker_0=retry.format(59)).kind is Kind.UNKNOWN
    assert judge(worker_0=retry.format(59) + retry.format(60)).name == "cluster time-out"


def test_symptoms_before_and_after_it_do_not_hide_the_root_cause(judge: Judge) -> None:
    found = judge(
        worker_0=at(1, TIMED_OUT),
        worker_1=at(9, "x") + OUT_OF_MEMORY,
        scheduler="The total number of timed out node is 2.",
    )
    assert (found.name, found.log.name) == ("out of device memory", "worker_1.log")


def test_of_two_root_causes_the_earlier_is_told(judge: Judge) -> None:
    found = judge(worker_0=at(9, "No space left on device"), worker_1=at(8, "x") + OUT_OF_MEMORY)
    assert found.name == "out of device memory"


def test_of_two_root_causes_without_a_time_that_of_the_first_log_is_told(judge: Judge) -> None:
    assert judge(worker_0="OSError: [Errno 28] No space left on device\n", worker_1=OUT_OF_MEMORY).name == "disk full"


def test_log_without_a_time_is_of_a_process_that_ended_first(judge: Judge) -> None:
    found = judge(worker_0=at(1, "No space left on device"), worker_1="ModuleNotFoundError: No module named 'jieba'\n")
    assert found.name == "import error"


def test_exception_that_was_handled_is_not_the_cause(judge: Judge) -> None:
    found = judge(
        worker_0="Traceback (most recent call last):\nKeyError: 'bert'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\nModuleNotFoundError: No module named 'jieba'\n"
    )
    assert found.name == "import error"


def test_cause_that_python_names_as_such_is_the_cause(judge: Judge) -> None:
    found = judge(
        worker_0="Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\ntrainer.state.StateError: s: expected the state\n"
    )
    assert found.name == "disk full"


def test_unknown_error_of_a_worker_comes_before_what_the_scheduler_makes_of_it(judge: Judge) -> None:
    found = judge(
        worker_0=UNKNOWN_ERROR, scheduler="RuntimeError: The total number of timed out node is 1.\n", msrun=MSRUN
    )
    assert (found.kind, found.name, found.log.name) == (Kind.UNKNOWN, "ValueError", "worker_0.log")


def test_exception_that_a_symptom_raised_is_the_symptom(judge: Judge) -> None:
    found = judge(worker_0=f"RuntimeError: HcclAllreduce failed\n\n{TIMED_OUT}\n", msrun=MSRUN)
    assert (found.kind, found.name) == (Kind.HOST, "HCCL time-out")


def test_heading_alone_is_told_where_nothing_says_more(judge: Judge) -> None:
    assert (
        judge(worker_0="RuntimeError: Exception thrown from dataset pipeline.", msrun=MSRUN).kind is Kind.CONFIGURATION
    )


def test_msruns_own_statement_says_nothing(judge: Judge) -> None:
    assert judge(worker_0="all is well\n", msrun=MSRUN).name == "no error stated"


def test_unknown_failures_have_one_signature_where_only_places_and_numbers_differ(judge: Judge) -> None:
    other = UNKNOWN_ERROR.replace("7 of /runs/t1 at 0x7f10", "12 of /runs/t2/x at 0x7fff")
    assert judge(worker_0=UNKNOWN_ERROR).signature == judge(worker_0=other).signature
    assert judge(worker_0=UNKNOWN_ERROR).signature != judge(worker_0="ValueError: something else").signature


def test_known_failures_have_one_signature_a_name(judge: Judge) -> None:
    assert judge(worker_0=OUT_OF_MEMORY).signature == "configuration: out of device memory"


@pytest.mark.parametrize(("code", "name"), [("-9", "SIGKILL"), ("137", "SIGKILL"), ("-11", "SIGSEGV")])
def test_worker_that_a_signal_ended_is_the_hosts(judge: Judge, code: str, name: str) -> None:
    found = judge(msrun=f"Worker process 12 exit with exception. Error code: {code}.\n")
    assert (found.kind, found.name) == (Kind.HOST, f"killed by {name}")


def test_msrun_that_was_killed_is_the_hosts_and_the_kernel_is_suspected(judge: Judge, tmp_path: Path) -> None:
    found = judge(returncode=-9, worker_0="all is well\n")
    assert (found.kind, found.name, found.log) == (Kind.HOST, "killed by SIGKILL", tmp_path / "msrun.log")
    assert "out-of-memory killer" in found.advice


def test_worker_that_ended_with_an_error_code_was_not_killed(judge: Judge) -> None:
    assert judge(msrun="Worker process 12 exit with exception. Error code: 1.\n").kind is Kind.UNKNOWN


def test_memory_that_ran_out_before_the_abort_is_the_cause(judge: Judge) -> None:
    found = judge(
        worker_0="terminate called after throwing an instance of 'std::bad_alloc'\n",
        msrun="Worker process 12 exit with exception. Error code: -6.\n",
    )
    assert found.name == "out of host memory"


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xff\xfe\x00", random.Random(1).randbytes(300_000), b"\x00" * 300_000]
)
def test_log_that_says_nothing_is_unknown(judge: Judge, tmp_path: Path, content: bytes) -> None:
    found = judge(worker_0=content)
    assert (found.kind, found.name, found.reason) == (Kind.UNKNOWN, "no error stated", "msrun exited with 1")
    assert found.log == tmp_path / "msrun.log"


def test_logs_that_are_not_there_are_passed_over(tmp_path: Path) -> None:
    found = classify([tmp_path / "none.log", tmp_path], None, tmp_path / "msrun.log")
    assert (found.kind, found.reason) == (Kind.UNKNOWN, "ended without a result")


@pytest.mark.parametrize("place", [HEAD_BYTES - 1000, 100_000_000 - TAIL_BYTES + 1000, 100_000_000 - 1000])
def test_cause_at_the_start_or_the_end_of_a_huge_log_is_found(tmp_path: Path, place: int) -> None:
    log = tmp_path / "worker_0.log"
    with log.open("wb") as file:
        file.truncate(100_000_000)
        file.seek(place)
        file.write(f"\n{OUT_OF_MEMORY}\n".encode())
    assert classify([log], 1, log).name == "out of device memory"


@pytest.mark.parametrize("size", [HEAD_BYTES - 5, HEAD_BYTES, HEAD_BYTES + 5, HEAD_BYTES + TAIL_BYTES])
def test_line_across_the_two_parts_of_a_log_that_fits_is_not_cut(tmp_path: Path, size: int) -> None:
    log = tmp_path / "worker_0.log"
    before = max(0, min(size, HEAD_BYTES) - 40)
    log.write_text(("x" * 99 + "\n") * (before // 100) + "y" * (before % 100 - 1) + "\n" + OUT_OF_MEMORY)
    assert classify([log], 1, log).reason == OUT_OF_MEMORY


def test_long_line_is_shown_where_it_says_it(judge: Judge) -> None:
    found = judge(worker_0="x" * 100_000 + " No space left on device " + "y" * 100_000)
    assert "No space left on device" in found.reason
    assert len(found.reason) <= 500


def test_control_characters_do_not_reach_the_reason(judge: Judge) -> None:
    assert judge(worker_0="\x1b[31mOSError: [Errno 28]\x07 No space left\x00\n").reason.isprintable()


def test_reason_is_the_last_error_of_the_first_log_that_has_one(tmp_path: Path) -> None:
    quiet, loud = tmp_path / "worker_0.log", tmp_path / "worker_1.log"
    quiet.write_text("all is well\n")
    loud.write_text("KeyError: 'first'\nRuntimeError: Memory not enough\nsome more text\n")
    assert find_reason([quiet, loud], quiet) == ("RuntimeError: Memory not enough", loud)


def test_reason_of_an_error_of_mindspore_is_what_stands_below_its_heading(tmp_path: Path) -> None:
    log = tmp_path / "worker_0.log"
    rule = "-" * 52
    log.write_text(f"RuntimeError: \n{rule}\n- Kernel select failed:\n{rule}\nUnsupported op [Barrier] on CPU\nnode\n")
    assert find_reason([log], log) == ("RuntimeError: Unsupported op [Barrier] on CPU", log)
