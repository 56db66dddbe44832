"""Where a trial's files lie: the one place that names them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

LOGS = "msrun_log"


@dataclass(frozen=True)
class TrialPaths:
    """The files of one trial (or of one exported configuration) under its own folder.

    Args:
        root: absolute folder that nothing else writes to.
        log_folder: name of the folder in it that msrun writes its processes' logs to.
    """

    root: Path
    log_folder: str = LOGS

    def __post_init__(self) -> None:
        if not self.root.is_absolute():
            raise ValueError(f"a trial's folder must be absolute, got {self.root}")

    @property
    def recipe(self) -> Path:
        """The rendered MindFormers YAML that the worker trains with."""
        return self.root / "train.yaml"

    @property
    def job(self) -> Path:
        """What the worker needs beside the recipe (see ``trainer.job``)."""
        return self.root / "job.json"

    def evaluation(self, protocol: str) -> Path:
        """The rendered MindFormers YAML of a protocol with an msrun of its own (see ``trainer.chain``)."""
        return self.root / f"evaluate_{protocol}.yaml"

    def part(self, stage: str) -> Path:
        """What one msrun of several measured: the training's (``train``) or a protocol's."""
        return self.root / f"measurement_{stage}.json"

    def link(self, place: int, protocol: str) -> TrialPaths:
        """Return the trial with the logs of an msrun that follows the first, as its ``place``-th from 1."""
        return replace(self, log_folder=f"{LOGS}_{place}_{protocol}")

    def latest(self) -> TrialPaths:
        """Return the trial with the logs of the msrun that was started last."""
        folders = (folder.name for folder in self.root.glob(f"{LOGS}_*"))
        return replace(self, log_folder=max(folders, default=LOGS))

    @property
    def logs(self) -> Path:
        """The folder that msrun writes ``scheduler.log`` and ``worker_N.log`` to."""
        return self.root / self.log_folder

    @property
    def launcher_log(self) -> Path:
        """What msrun itself prints."""
        return self.root / "msrun.log"

    @property
    def adapter(self) -> Path:
        """The trained LoRA weights, MindFormers names, safetensors."""
        return self.root / "adapter.safetensors"

    @property
    def checkpoints(self) -> Path:
        """The folder of the LoRA weights at evenly spaced steps (see ``trainer.checkpoints``)."""
        return self.root / "checkpoints"

    @property
    def state(self) -> Path:
        """Where training stands at a rung below the last, for the next rung's launch (see ``trainer.state``)."""
        return self.root / "state.safetensors"

    @property
    def measurement(self) -> Path:
        """What the worker measured; its presence is the worker's word that it finished."""
        return self.root / "measurement.json"

    @property
    def stacks(self) -> Path:
        """Where the workers of a launch that hung stood (see ``trainer.stacks``)."""
        return self.root / "stacks.txt"

    def artifacts(self) -> list[Path]:
        """The files worth keeping with the trial's record, those of them that exist."""
        wanted = [self.recipe, self.job, self.measurement, self.adapter, self.launcher_log, self.stacks]
        patterns = ("evaluate_*.yaml", "measurement_*.json", f"{LOGS}*/worker_*.log", "predictions_*.jsonl")
        found = [*wanted, *(file for pattern in patterns for file in sorted(self.root.glob(pattern)))]
        return [file for file in found if file.exists()]

    def worker_log(self, worker: int) -> Path:
        """The log of one worker, opened anew by msrun at each launch."""
        return self.logs / f"worker_{worker}.log"

    @property
    def scheduler_log(self) -> Path:
        """The log of MindSpore's cluster scheduler."""
        return self.logs / "scheduler.log"

    def predictions(self, metric: str) -> Path:
        """Each item's prompt, gold answer, prediction and verdict, JSONL."""
        return self.root / f"predictions_{metric}.jsonl"
