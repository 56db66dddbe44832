"""Reports of others (Markdown, Chinese or English) -> facts: from tables of keys and values, and from prose.

Reads what is written as name and value; does not understand sentences. Blocks of code, links and file names say
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sweeps.dossier import words
from sweeps.dossier.facts import NUMBER, SCORES, TARGETS, Fact, Source, modules, read_number
from sweeps.dossier.text import whole

_BLANKS = re.compile(r"\s+")
# no prose and no name; expressions below take time by the square of its length
_ENDLESS = re.compile(r"[A-Za-z0-9_.,/+-]{300,}|[\w./-]{300,}")
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
# a product, as `lora_alpha = 2 × lora_rank = 16`: its factors are no settings
_TIMES_A_NAME = re.compile(r"\s*[×x*]\s*[A-Za-z_]")
_TIMES = re.compile(r"(?:×|[\d)]\s*[x*])\s*[`'\"]*$")
_WHOSE = re.compile(rf"(?P<base>{words.BASE.pattern})|{words.AFTER.pattern}", re.IGNORECASE)
_IN_BRACKETS = re.compile(rf"\s*[(（]\s*(?:{_WHOSE.pattern})", re.IGNORECASE)
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
    for number, written in enumerate(text.split("\n"), 1):
        line = _ENDLESS.sub(" ", _BLANKS.sub(" ", written))
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
            before, now = [], []
            for was, fact, end in _prose(line, source):
                is_base = was is None and fact.name in SCORES and _of_base(line, end, heading)
                before += [replace(one, prose=True) for one in (was, fact if is_base else None) if one]
                now += [] if is_base else [replace(fact, prose=True)]
        report.before += before
        report.facts += now
    return report


def _of_base(line: str, end: int, heading: str) -> bool:
    """Whether a score that ends at ``end`` is of the untuned model.

    So says the word in brackets behind it, else the nearest before it, else the line, else the heading.
    """
    if bracket := _IN_BRACKETS.match(line, end):
        return bool(bracket["base"])
    said = [(found.end() <= end, bool(found["base"])) for found in _WHOSE.finditer(line)]
    if before := [is_base for is_before, is_base in said if is_before]:
        return before[-1]
    if said and all(is_base for _, is_base in said):
        return True
    return bool(words.BASE.search(heading))


def _prose(line: str, source: Source) -> Iterator[tuple[Fact | None, Fact, int]]:
    """Yield what was, where that is said, what is, and where in the line its number ends."""
    about_base = bool(words.BASE_ABILITY.search(line))
    line = _NOTHING.sub(lambda found: " " * len(found[0]), line)
    for found in _DIVISION.finditer(line):
        for name, group in (("trainable", "a"), ("total", "b"), ("ratio", "c")):
            if fact := read_number(name, found[group], source):
                yield None, fact, found.end(group)
    line = _DIVISION.sub(lambda found: " " * len(found[0]), line)
    for found in _TARGETS.finditer(line):
        was, now = found["a"], found["b"] or found["a"]
        if modules(now):
            yield (_targets(was, source) if found["b"] else None), _targets(now, source), found.end()
    for name, pattern in _PROSE.items():
        for found in pattern.finditer(line):
            if _states(name, found) and (fact := read_number(name, found["b"] or found["a"], source)):
                yield (read_number(name, found["a"], source) if found["b"] else None), fact, found.end()
    for name, pattern, holds in (("cards", _CARDS, True), ("items", _ITEMS, about_base)):
        for found in pattern.finditer(line) if holds else ():
            if fact := read_number(name, found["a"], source):
                yield None, fact, found.end()


def _states(name: str, found: re.Match[str]) -> bool:
    """Whether a name and a number that follows are a statement."""
    before, line = found.string[max(0, found.start() - 30) : found.start()], found.string
    if name in SCORES and words.ON_TRAINING_DATA.search(before):
        return False
    if name in words.NEEDS_IS and not (found["is"] or found["b"]):
        return False
    is_emphasised = line[found.start("a") - 1] == "*"
    return not _TIMES.search(before) and (is_emphasised or not _TIMES_A_NAME.match(line, found.end()))


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
