"""The jobs of a running sweep as a table that fits its terminal: columns go until what is left is whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from sweeps.cells import literal, width_of
from sweeps.snapshot import Progress, duration
from sweeps.sparkline import sparkline
from trainer.course import BINS

_GAP = 2


@dataclass(frozen=True)
class _Look:
    """What is shown of a job.

    Attributes:
        bars: of the losses; divides ``BINS``.
        hosts: whether a slot of another host names it.
    """

    columns: str
    bars: int = BINS
    hosts: bool = True


# the first that fits is taken: what a reader asks for last goes first
_LOOKS = (
    _Look("job to slot step losses loss left running"),
    _Look("job to slot step losses loss left running", bars=12),
    _Look("job to slot step losses loss left", bars=12),
    _Look("job slot step losses loss left", bars=12),
    _Look("job slot step losses loss left", bars=8),
    _Look("job slot step loss left"),
    _Look("job slot step loss left", hosts=False),
    _Look("job step loss left"),
    _Look("job step left"),
)
_NUMBERS = ("step", "loss", "left")


def jobs_table(jobs: Sequence[Progress], unit: str, width: int, *, ascii_only: bool) -> Table:
    """Return a row a job, as much of each as ``width`` takes.

    Args:
        unit: what rungs count.
    """
    for look in _LOOKS:
        names = look.columns.split()
        rows = [_cells(job, look, unit, ascii_only) for job in jobs]
        widths = [max(width_of(text) for text in (name, *(row[name] for row in rows))) for name in names]
        if sum(widths) + _GAP * (len(names) - 1) <= width:
            break
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for name in names:
        # where even the last look is too wide, texts go on below
        table.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*(literal(row[name]) for name in names))
    return table


def _cells(job: Progress, look: _Look, unit: str, ascii_only: bool) -> Mapping[str, str]:
    return {
        "job": job.label,
        "to": "" if job.rung is None else f"{job.rung} {unit}",
        "slot": f"{job.slot} on {job.host}" if job.host and look.hosts else f"{job.slot}",
        "step": job.step,
        "losses": sparkline(_merged(job.losses, look.bars), ascii_only=ascii_only),
        "loss": "" if job.loss is None else f"{job.loss:.3f}",
        "left": "" if job.seconds_left is None else duration(job.seconds_left),
        "running": duration(job.seconds),
    }


def _merged(losses: Sequence[float | None], parts: int) -> list[float | None]:
    """Return the means of neighbours, so many that ``parts`` are left; ``parts`` divides ``BINS``."""
    size = BINS // parts
    groups = [[loss for loss in losses[i : i + size] if loss is not None] for i in range(0, len(losses), size)]
    return [sum(group) / len(group) if group else None for group in groups]
