"""Text as a terminal gets it: nothing in it is markup, and it is folded between parts, never within one that fits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

# of a terminal: what a log or a sweep file holds of them would do there what its writer wants
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def literal(text: str, style: str = "") -> Text:
    """Return a text as it is: nothing in it is markup, and what steers a terminal is replaced."""
    return Text(_harmless(text), style)


def width_of(text: str) -> int:
    """Return how many columns a terminal shows a text in, a Chinese character in two."""
    return cell_len(_harmless(text))


def _harmless(text: str) -> str:
    return _CONTROLS.sub("\ufffd", text)


@dataclass(frozen=True)
class Cell:
    """Parts of one cell, in order.

    Attributes:
        gap: between two parts on one line.
    """

    parts: tuple[str, ...]
    gap: str = " "

    @property
    def least(self) -> int:
        """The width at which each part is still whole."""
        return max(map(width_of, self.parts), default=0)

    @property
    def natural(self) -> int:
        """The width of all parts on one line."""
        return width_of(self.line)

    @property
    def line(self) -> str:
        """All parts on one line."""
        return self.gap.join(self.parts)

    def folded(self, width: int) -> str:
        """Return lines of as many parts as ``width`` takes; only a part that is wider makes its line so."""
        lines: list[str] = []
        for part in self.parts:
            longer = f"{lines[-1]}{self.gap}{part}" if lines else part
            if lines and width_of(longer) <= width:
                lines[-1] = longer
            else:
                lines.append(part)
        return "\n".join(lines)

    def begun(self, width: int) -> str:
        """Return on one line the first parts, as many as ``width`` takes, and of how many more there are ``+N``."""
        for kept in range(len(self.parts), 0, -1):
            more = (f"+{len(self.parts) - kept}",) if kept < len(self.parts) else ()
            begun = Cell((*self.parts[:kept], *more), self.gap)
            if begun.natural <= width:
                return begun.line
        return f"+{len(self.parts)}" if self.parts else ""
