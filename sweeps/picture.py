"""A running sweep at one moment, drawn for whatever terminal shows it: wide or narrow, with colours or without."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from sweeps.cells import literal
from sweeps.front_lines import front_lines
from sweeps.jobs_table import jobs_table
from sweeps.snapshot import Snapshot
from sweeps.sparkline import sparkline, thin
from sweeps.view import number

_TREND, _RECENT = 24, 10
# lines that are neither jobs nor points of the front: titles, heads, budget, trend, the shell's prompt
_OTHER_LINES = 10
_FEWEST_LINES = 3


class Picture:
    """Draws a snapshot, for rich: by its console's width and height, in characters that it has."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._now = snapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines from top to bottom."""
        width, room = options.max_width, max(2 * _FEWEST_LINES, console.size.height - _OTHER_LINES)
        jobs = self._now.jobs[: max(_FEWEST_LINES, room // 2)]
        yield literal(f"{self._now.config.name}: {self._now.headline}", "bold")
        yield jobs_table(jobs, self._now.config.unit, width, ascii_only=options.ascii_only)
        if len(jobs) < len(self._now.jobs):
            yield Text(f"and {len(self._now.jobs) - len(jobs)} more jobs", style="dim")
        if self._now.volumes:
            yield self._trend(options.ascii_only)
        if self._now.front.results:
            lines = max(_FEWEST_LINES, room - len(jobs))
            yield from front_lines(self._now.front, self._now.config.objectives, lines, width)

    def _trend(self, ascii_only: bool) -> Text:
        volumes = self._now.volumes
        recent = volumes[-1] - (volumes[-_RECENT - 1] if len(volumes) > _RECENT else 0.0)
        bars = sparkline(thin(volumes, _TREND), ascii_only=ascii_only)
        measured = f"{min(len(volumes), _RECENT)} measurements" if len(volumes) > 1 else "measurement"
        return Text(f"hypervolume {number(volumes[-1])} {bars} +{number(recent)} by the last {measured}")
