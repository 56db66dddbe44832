"""What may be deleted when the quota is used up: least missed first, never what is needed."""

from __future__ import annotations

from pathlib import Path

from sweeps.retention import Uses, Weights, enough, removable, scan


def weights(trial: int, size: int = 1, *, surplus: bool = False, name: str = "state.safetensors") -> Weights:
    return Weights(Path(f"/sweep/trial-{trial:04d}/{name}"), size, trial, surplus)


def test_order_is_surplus_failed_stopped_finished() -> None:
    files = [weights(4), weights(3), weights(2), weights(1, surplus=True), weights(9)]
    uses = Uses(running=[9], kept=[], failed=[2], stopped=[3])
    assert [file.trial for file in removable(files, uses)] == [1, 2, 3, 4]


def test_largest_of_a_group_goes_first() -> None:
    files = [weights(1, 5), weights(2, 50), weights(3, 20)]
    assert [f.trial for f in removable(files, Uses((), (), (), (1, 2, 3)))] == [2, 3, 1]


def test_of_what_is_kept_only_surplus_checkpoints_go_and_of_what_runs_nothing() -> None:
    files = [weights(1), weights(1, surplus=True, name="a-1_1.ckpt"), weights(2, surplus=True, name="a-1_1.ckpt")]
    assert removable(files, Uses(running=(2,), kept=(1,), failed=(), stopped=())) == [files[1]]


def test_no_more_is_deleted_than_has_to_be() -> None:
    files = [weights(1, 10), weights(2, 10), weights(3, 10)]
    assert len(enough(files, 0)) == 0
    assert len(enough(files, 1)) == 1
    assert len(enough(files, 10)) == 1
    assert len(enough(files, 11)) == 2
    assert len(enough(files, 1000)) == 3


def test_scan_reads_sizes_and_finds_surplus_checkpoints(tmp_path: Path) -> None:
    folder = tmp_path / "trial-0003/rung-1/output/checkpoint/rank_0"
    folder.mkdir(parents=True)
    for step in range(10, 110, 10):
        (folder / f"llama_rank_0-{step}_1.ckpt").write_bytes(b"x" * 7)
    (tmp_path / "trial-0003/rung-1/state.safetensors").write_bytes(b"x" * 5)
    (tmp_path / "base").mkdir()
    (tmp_path / "base/measurement.json").write_bytes(b"x" * 3)
    total, found = scan(tmp_path)
    assert total == 78
    kept = sorted(int(f.path.name.split("-")[1].split("_")[0]) for f in found if not f.surplus and f.bytes == 7)
    assert kept == [20, 40, 60, 80, 100]
    assert len(found) == 11


def test_scan_does_not_follow_links_out_of_the_sweep(tmp_path: Path) -> None:
    (tmp_path / "sweep/trial-0001").mkdir(parents=True)
    (tmp_path / "other.safetensors").write_bytes(b"x" * 1000)
    (tmp_path / "sweep/trial-0001/a.safetensors").symlink_to(tmp_path / "other.safetensors")
    assert scan(tmp_path / "sweep")[0] < 1000


def test_file_that_waits_for_mlflow_counts_once_and_stays(tmp_path: Path) -> None:
    adapter = tmp_path / "trial-0003/rung-1/adapter.safetensors"
    waiting = tmp_path / "outbox/files/0001"
    for folder in (adapter.parent, waiting.parent):
        folder.mkdir(parents=True)
    adapter.write_bytes(b"x" * 100)
    waiting.hardlink_to(adapter)
    total, found = scan(tmp_path)
    nothing_needed = Uses((), (), (), ())
    assert (total, removable(found, nothing_needed)) == (100, [])
    waiting.unlink()
    assert [file.path for file in removable(scan(tmp_path)[1], nothing_needed)] == [adapter]
