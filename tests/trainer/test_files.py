from __future__ import annotations

from pathlib import Path

import pytest

from trainer.files import FolderError, whole_folder


def test_folder_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "new/out") as folder:
        (folder / "file").write_text("a")
        assert not (tmp_path / "new/out").exists()
    assert [file.name for file in (tmp_path / "new").rglob("*")] == ["out", "file"]


def test_nothing_stays_of_a_folder_that_was_not_finished(tmp_path: Path) -> None:
    with pytest.raises(FolderError), whole_folder(tmp_path / "out") as folder:
        (folder / "file").rename(folder / "other")
    assert not list(tmp_path.iterdir())


def test_folder_in_use_is_replaced_only_on_demand(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    with pytest.raises(FolderError, match="is there already"), whole_folder(tmp_path):
        pass
    with whole_folder(tmp_path, replace=True):
        pass
    assert not list(tmp_path.iterdir())


def test_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"out: cannot be written: .*No space left"), whole_folder(tmp_path / "out"):
        Path("/dev/full").write_text("a")
