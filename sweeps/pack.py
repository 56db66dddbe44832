"""All that a contest wants handed in of one trial: report, YAML, logs, predictions, merged checkpoints, the code.

The names below ``runs/`` are those of the sweep's folder, so that the report's sources are found in the pack.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import evaluation
import trainer
from sweeps.archive import Archive, opened
from sweeps.checkpoints import Checkpoint
from sweeps.export import export
from sweeps.report.context import HandedIn, Place
from sweeps.report.kept import adapters, of_trial
from sweeps.report.listing import missing
from sweeps.report.material import Material
from sweeps.report.texts import Language, Texts
from sweeps.report.write import write
from trainer import files, weight_files
from trainer.merge import write_merged

_MANIFEST = "manifest.json"
_GB = 1e9


class PackError(ValueError):
    """A pack cannot be made."""


@dataclass(frozen=True)
class Packer:
    """Makes the pack of a trial.

    Attributes:
        merge: whether merged checkpoints are in it.
    """

    material: Material
    languages: Sequence[Language]
    merge: bool = True

    def write(self, out: Path) -> dict[str, tuple[str, int]]:
        """Write the pack, a folder or a zip file; returns what is in it, name -> sha256 and bytes.

        Args:
            out: absolute; it appears whole or not at all.

        Raises:
            FolderError: ``out`` is in use, or cannot be written.
            PackError: the disk lacks the room.
            StoreError: files of the trial are gone.
            WeightsError: a checkpoint does not fit its base.
        """
        trial = self.material.trial
        checkpoints = of_trial(trial) if self.merge else []
        self._check_room(out, len(checkpoints))
        with opened(out) as (archive, work):
            merged = [one for checkpoint in checkpoints for one in self._merged(checkpoint, archive, work)]
            self._add_runs(archive)
            archive.add(self.material.baseline.file, "baseline.yaml")
            self._add_code(archive)
            self._take_folder(self._exported(work), "run", archive)
            place: Place = "packed" if self.merge else "left_out"
            listed = merged if self.merge else adapters(trial)
            write(self.material, work / "report", self.languages, listed, "run/launch.sh", place)
            self._take_folder(work / "report", "report", archive)
            files.write_whole(work / _MANIFEST, self._manifest(archive, listed))
            archive.take(work / _MANIFEST, _MANIFEST)
            return archive.digests

    def _check_room(self, out: Path, checkpoints: int) -> None:
        parent = next(folder for folder in out.parents if folder.exists())
        merged = self.material.trial.read_job.base.stat().st_size
        # a zip file takes each from a copy beside it
        weights = merged * (checkpoints + (out.suffix == ".zip" and checkpoints > 0))
        root = self.material.trial.folder.root
        needed = weights + sum(f.stat().st_size for f in self.material.digests if f.is_relative_to(root))
        free = shutil.disk_usage(parent).free
        if needed > free:
            raise PackError(
                f"{out}: needs some {needed / _GB:.1f} GB, of which {weights / _GB:.1f} GB are {checkpoints} merged "
                f"checkpoints, but {free / _GB:.1f} GB are free; make room, or leave them out with --no-checkpoints"
            )

    def _merged(self, checkpoint: Checkpoint, archive: Archive, work: Path) -> list[HandedIn]:
        trial, folder = self.material.trial, work / checkpoint.name
        base, adapter = weight_files.read(trial.read_job.base), weight_files.read(checkpoint.adapter)
        write_merged(base, adapter, trial.recipe.recipe, folder)
        names = self._take_folder(folder, f"checkpoints/{checkpoint.name}", archive)
        return [
            HandedIn(checkpoint.number, checkpoint.step, name, bytes=size, sha256=digest)
            for name, (digest, size) in ((name, archive.digests[name]) for name in names)
        ]

    def _exported(self, work: Path) -> Path:
        export(self.material.known, self.material.trial.result, work / "run")
        return work / "run"

    def _add_runs(self, archive: Archive) -> None:
        folder = self.material.trial.folder
        found = [file for file in self.material.digests if file.is_relative_to(folder.root)]
        if not self.merge:
            # by which they can be merged later
            found += [checkpoint.adapter for checkpoint in of_trial(self.material.trial)]
        for file in dict.fromkeys(found):
            archive.add(file, f"runs/{folder.name(file)}")

    def _add_code(self, archive: Archive) -> None:
        """Add what read, tokenized, trained and graded."""
        for package in (trainer, evaluation):
            root = Path(str(package.__file__)).parent
            for file in sorted(root.rglob("*.py")):
                archive.add(file, f"source/{root.name}/{file.relative_to(root).as_posix()}")

    def _take_folder(self, folder: Path, name: str, archive: Archive) -> list[str]:
        found = sorted(file for file in folder.rglob("*") if file.is_file())
        names = [f"{name}/{file.relative_to(folder).as_posix()}" for file in found]
        for file, place in zip(found, names, strict=True):
            archive.take(file, place)
        return names

    def _manifest(self, archive: Archive, listed: Sequence[HandedIn]) -> str:
        result = self.material.trial.result
        manifest = {
            "made_by": f"lorasweep {version('lorasweep')}",
            "sweep": self.material.known.config.name,
            "trial": result.number,
            "rung": result.rung,
            "checkpoints": {
                "merged": self.merge,
                "evenly_spaced": sorted({one.number for one in listed if one.number is not None}),
                "missing": missing(self.material.trial, listed, Texts("en")),
            },
            "configuration": self.material.known.config.model_dump(mode="json"),
            "files": {name: {"sha256": digest, "bytes": size} for name, (digest, size) in archive.digests.items()},
        }
        return json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
