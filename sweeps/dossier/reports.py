"""Reports of others (Markdown, Chinese or English) -> facts: from tables of keys and values, and from prose.

Reads what is written as name and value; does not understand sentences. Blocks of code, links and file names say
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sweeps.dossier import words
from sweeps.dossier.facts import NUMBER, SCORES, TARGETS, Fact, Source, modules, read_number
from sweeps.dossier.text import whole

_FENCE = re.compile(r"\s*(```|~~~)")
_NOTHING = re.compile(
    r"https?://\S+|[\w./-]+\.(?:ya?ml|py|log|zip|ckpt|safetensors|jsonl?|md|html|sh|gz|txt|mindrecord)\b"
)
_QUOTED = re.compile(r"`[^`]*`|'[^']*'|\"[^\"]*\"")
_RECIPE = re.compile(r"[A-Za-z0-9_.-]+\.ya?ml")
# digits may stand right behind a Chinese name, but not behind a Latin one
_START, _END = r"(?<![A-Za-z0-9_.])(?:", r")(?![A-Za-z_]|(?<=[A-Za-z0-9])[0-9])"
_PROSE = {
    name: re.compile(
        rf"{_START}{name_is}{_END}{words.IS_NAMED}(?:(?:由|从|from)\s*[`'\"]*)?(?P<a>{NUMBER})(?:{words.CHANGED}(?P<b>{NUMBER}))?",
        re.IGNORECASE,
    )
    for name, name_is in words.NAMES.items()
    if name not in (TARGETS, "items")
}
_PATTERN = r"[`'\"]?(?P<{0}>\.?\*?w[\w.*| ,/+、-]*)[`'\"]?"
_TARGETS = re.compile(
    rf"{_START}{words.NAMES[TARGETS]}{_END}{words.IS_NAMED}(?:(?:由|从|from)\s*)?{_PATTERN.format('a')}"
    rf"(?:{words.CHANGED}{_PATTERN.format('b')})?",
    re.IGNORECASE,
)
_DIVISION = re.compile(
    rf"{_START}{words.NAMES['ratio']}{_END}{words.IS_NAMED}(?P<a>{NUMBER})\s*[/÷]\s*(?P<b>{NUMBER})\s*[=≈]\s*(?P<c>{NUMBER})",
    re.IGNORECASE,
)
_CARDS = re.compile(r"(?<![A-Za-z0-9_.])(?P<a>\d+)\s*张?\s*(?:卡|cards?\b|NPUs?\b)", re.IGNORECASE)
_ITEMS = re.compile(rf"(?<![A-Za-z0-9_.])(?P<a>{NUMBER})\s*(?:items\b|questions\b|条|道?题)", re.IGNORECASE)
_WHOLE = {name: re.compile(name_is, re.IGNORECASE) for name, name_is in words.NAMES.items()}


@dataclass
class Report:
    """One report.

    Attributes:
        facts: what it says of the run, in the order of the text.
        before: what it says of the baseline or the untuned model.
        recipes: names of YAML files that it names, in order.
        links: names of checkpoints that it names, with their lines.
    """

    path: Path
    facts: list[Fact] = field(default_factory=list)
    before: list[Fact] = field(default_factory=list)
    recipes: list[str] = field(default_factory=list)
    links: list[tuple[str, int]] = field(default_factory=list)

    def of(self, name: str) -> list[Fact]:
        """Return what it says of one thing."""
        return [fact for fact in self.facts if fact.name == name]


def read_report(path: Path) -> Report:
    """Read one report.

    Raises:
        ValueError: it cannot be read, with the reason.
    """
    text = whole(path)
    report, heading, fence, table = Report(path), "", "", _Table()
    for number, line in enumerate(text.split("\n"), 1):
        report.recipes += _RECIPE.findall(line)
        report.links += [(name, number) for name in re.findall(r"[\w.-]+\.(?:ckpt|safetensors)\b", line)]
        if found := _FENCE.match(line):
            fence = "" if fence == found[1] else fence or found[1]
            continue
        if fence:
            continue
        source = Source(path, number)
        if line.lstrip().startswith("#"):
            heading = line
        if line.lstrip().startswith("|"):
            before, now = table.take(line, source)
        else:
            table = _Table()
            facts = list(_prose(line, source))
            is_base = bool(words.BASE.search(line) or words.BASE.search(heading))
            before, now = [was for was, _ in facts if was], [now for _, now in facts]
            if is_base:
                before, now = [*before, *(f for f in now if f.name in SCORES)], [f for f in now if f.name not in SCORES]
        report.before += before
        report.facts += now
    return report


def _prose(line: str, source: Source) -> Iterator[tuple[Fact | None, Fact]]:
    """Yield what was, where that is said, and what is."""
    about_base = bool(words.BASE_ABILITY.search(line))
    line = _NOTHING.sub(lambda found: " " * len(found[0]), line)
    for found in _DIVISION.finditer(line):
        for name, group in (("trainable", "a"), ("total", "b"), ("ratio", "c")):
            if fact := read_number(name, found[group], source):
                yield None, fact
    line = _DIVISION.sub(lambda found: " " * len(found[0]), line)
    for found in _TARGETS.finditer(line):
        was, now = found["a"], found["b"] or found["a"]
        if modules(now):
            yield (_targets(was, source) if found["b"] else None), _targets(now, source)
    for name, pattern in _PROSE.items():
        for found in pattern.finditer(line):
            if fact := read_number(name, found["b"] or found["a"], source):
                yield (read_number(name, found["a"], source) if found["b"] else None), fact
    for name, pattern, holds in (("cards", _CARDS, True), ("items", _ITEMS, about_base)):
        for found in pattern.finditer(line) if holds else ():
            if fact := read_number(name, found["a"], source):
                yield None, fact


def _targets(text: str, source: Source) -> Fact:
    return Fact(TARGETS, modules(text), source, text.strip().strip("`'\""))


@dataclass
class _Table:
    """A Markdown table whose first column names things; which of the others hold values, its head says."""

    head: Sequence[str] = ()

    def take(self, line: str, source: Source) -> tuple[list[Fact], list[Fact]]:
        """Take in a row; returns what it says of before, and of now."""
        cells = _cells(line)
        if not self.head:
            self.head = [_plain(cell) for cell in cells]
            return [], []
        name = _named(cells[0]) if cells else None
        if name is None or all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            return [], []
        was, now = self._columns(name)
        return self._read(name, cells, was, source), self._read(name, cells, now, source)

    def _columns(self, name: str) -> tuple[int, int]:
        """Return the columns of what was and what is; 0: there is none."""
        was = next((i for i, cell in enumerate(self.head) if i and words.WAS.fullmatch(cell)), 0)
        now = next((i for i, cell in enumerate(self.head) if i and words.IS.fullmatch(cell)), 0)
        if not was and not now:
            if len(self.head) == 2:
                return 0, 1
            if len(self.head) == 3 and words.KEY.fullmatch(self.head[0]) and name not in SCORES:
                return 1, 2
        return was, now

    def _read(self, name: str, cells: Sequence[str], column: int, source: Source) -> list[Fact]:
        if not 0 < column < len(cells):
            return []
        # of `a / b = c` the result
        text = re.split("[=≈]", cells[column])[-1] if name == "ratio" else cells[column]
        if name == TARGETS:
            return [_targets(text, source)] if modules(text) else []
        found = re.search(rf"(?<![\w.]){NUMBER}", text)
        fact = read_number(name, found[0], source) if found else None
        return [] if fact is None else [fact]


def _cells(line: str) -> list[str]:
    # bars in quotes and escaped ones are no ends of cells
    kept = _QUOTED.sub(lambda found: found[0].replace("|", "\0"), line.strip().replace(r"\|", "\0"))
    return [cell.strip().replace("\0", "|") for cell in kept.strip("|").split("|")]


def _plain(cell: str) -> str:
    return re.sub(r"[`*]|\([^()]*\)|（[^（）]*）", "", cell).strip()


def _named(cell: str) -> str | None:
    """Return what a first cell names: its code, else all of it."""
    candidates = [*re.findall(r"`([^`]+)`", cell), _plain(cell)]
    for name, pattern in _WHOLE.items():
        if any(pattern.fullmatch(candidate) for candidate in candidates):
            return name
    return None
