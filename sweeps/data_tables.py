"""What ``lorasweep data stats`` prints."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from trainer.data_statistics import Statistics

_NAMES = {0: "least", 50: "half", 90: "90 %", 99: "99 %", 100: "most"}


def data_tables(found: Statistics) -> Iterator[Table]:
    """Yield a data set's tables: lengths, what sequence lengths cut off, kinds."""
    lengths = Table(title=f"{found.items} items: tokens, at most", title_justify="left")
    lengths.add_column("")
    for name in _NAMES.values():
        lengths.add_column(name, justify="right", overflow="fold")
    for what, tokens in (("prompt and answer", found.tokens), ("answer", found.answer_tokens)):
        lengths.add_row(what, *(str(tokens[percentile]) for percentile in _NAMES))
    yield lengths
    cuts = Table(title="Sequence lengths", title_justify="left")
    for name in ("seq_length", "answer cut off", "whole answer cut off, left out"):
        cuts.add_column(name, justify="right", overflow="fold")
    for seq_length, cut in found.cuts.items():
        cuts.add_row(str(seq_length), *(f"{count} ({count / found.items:.2%})" for count in (cut.truncated, cut.lost)))
    yield cuts
    kinds = Table(title="Kinds", title_justify="left")
    kinds.add_column("kind")
    kinds.add_column("items", justify="right")
    kinds.add_column("share", justify="right")
    for kind, count in found.kinds.items():
        # a name out of a file is no markup
        kinds.add_row(Text(kind or "(none)"), str(count), f"{count / found.items:.2%}")
    yield kinds
