"""YAML text as PyYAML reads it: its values, where in the text each of them stands, and a value as one line of YAML."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

MAX_DEPTH, MAX_PATHS = 20, 100_000
"""Far beyond any recipe: without them an alias inside its own anchor, or aliases of aliases, would have no end."""

_STR, _MAP, _SEQ = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))


class YamlError(ValueError):
    """A text is no YAML, or a value cannot be written as YAML.

    Attributes:
        line: from 1; 0 where none is known.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        """Keep the line beside the reason."""
        super().__init__(reason)
        self.line = line


MOST_BITS = 1023
"""Of an integer: what is larger is no float, either, and not even a message can say what it is."""


@dataclass(frozen=True)
class Parsed:
    """A mapping in YAML.

    Attributes:
        values: as PyYAML's ``safe_load`` gives them.
        nodes: dotted path -> node, in the order of the text; all that shares an anchor is one node. Keys that are no
            text, or hold a dot, have no path.
        repeated: path of a key that stands twice -> the lines; ``values`` and ``nodes`` have the last one.
    """

    values: dict[str, Any]
    nodes: dict[str, yaml.Node]
    repeated: dict[str, tuple[int, int]]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which remembers the keys that stand twice: PyYAML takes the last one without a word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: dict[int, tuple[int, int]] = {}

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # here, because merges (`<<`), resolved later, do repeat keys
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            name, line = (key.tag, str(key.value)), key.start_mark.line + 1
            if name in lines:
                self.repeated[id(key)] = (lines[name], line)
            lines[name] = line
        return node


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    value: int = loader.construct_yaml_int(node)
    if value.bit_length() > MOST_BITS:
        problem = f"an integer of {value.bit_length()} bits, expected at most {MOST_BITS}; write a smaller one"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper without anchors: those of its making might be the text's."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        # quoted where a line would be broken, and where YAML 1.2 (not PyYAML) reads a number, as in 1e-5
        style = '"' if not text.isprintable() else "'" if text[:1] in tuple("+-.0123456789") else None
        return self.represent_scalar(_STR, text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def parse(text: str) -> Parsed:
    """Read a mapping; raises ``YamlError`` where the text is none or has (by its aliases) no end."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        values = loader.construct_document(node) if node else None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(f"no YAML: {error.reason}; delete character {error.character:#x}", line) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(f"no YAML that MindFormers reads: {reason}", mark.line + 1 if mark else 0) from error
    except RecursionError as error:
        raise YamlError(f"nested too deeply; expected at most {MAX_DEPTH} levels") from error
    except ValueError as error:
        raise YamlError(f"a value cannot be read: {error}; put text in quotes") from error
    if not isinstance(node, yaml.MappingNode) or not isinstance(values, dict):
        raise YamlError("expected keys with values, such as `seed: 0`")
    parsed = Parsed(values, {}, {})
    for path, key, below in _walk(node, ""):
        parsed.nodes[path] = below
        if id(key) in loader.repeated:
            parsed.repeated[path] = loader.repeated[id(key)]
        if path.count(".") >= MAX_DEPTH or len(parsed.nodes) > MAX_PATHS:
            raise YamlError(
                f"expected at most {MAX_PATHS:,} values, nested at most {MAX_DEPTH} deep, aliases followed; "
                f"write the aliases at {path[:60]} out"
            )
    return parsed


def _walk(node: yaml.Node, prefix: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield path, key (or element) and value below a node whose merges are resolved."""
    children: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    if isinstance(node, yaml.SequenceNode) and node.tag == _SEQ:
        children = {str(i): (child, child) for i, child in enumerate(node.value)}
    elif isinstance(node, yaml.MappingNode) and node.tag == _MAP:
        # of a merged key and the mapping's own, the own one stands last
        children = {k.value: (k, v) for k, v in node.value if k.tag == _STR and "." not in k.value}
    for name, (key, child) in children.items():
        yield f"{prefix}{name}", key, child
        yield from _walk(child, f"{prefix}{name}.")


def follow(values: Any, parts: Iterable[str]) -> Any:
    """Return the value at a path, given as its parts."""
    for part in parts:
        values = values[int(part) if isinstance(values, list) else part]
    return values


def span(text: str, node: yaml.Node) -> tuple[int, int]:
    """Return where in the text a value begins and ends, anchor included; nothing stands at ``start == end``."""
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        # to PyYAML a block ends where the next one begins: the comments between belong to that
        lines = text[start:end].split("\n")
        while not lines[-1].strip() or lines[-1].lstrip().startswith("#"):
            lines.pop()
        end = start + len("\n".join(lines))
    elif isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        end = start + len(text[start:end].rstrip())
    return start, end


def replacement(old: str, value: object) -> str:
    """Return the text to put where ``old`` stands, with its anchor; raises ``YamlError`` as ``flow`` does."""
    properties = re.match(r"(?:[&!]\S*\s*)*", old)
    anchor = re.search(r"&[\w-]+", properties[0]) if properties else None
    # where nothing stands, a colon is right before; only a list in lines may be no deeper than its key
    space = " " if re.match(r"-\s|$", old) else ""
    return space + (f"{anchor[0]} " if anchor else "") + flow(value)


def flow(value: object) -> str:
    """Return ``value`` as YAML 1.1 in one line that fits in blocks and lists; floats have the dot that 1.1 wants.

    Raises:
        YamlError: it is no plain data.
    """
    try:
        text: str = yaml.dump(
            [value], Dumper=_Dumper, default_flow_style=True, width=sys.maxsize, allow_unicode=True, sort_keys=False
        )
    except yaml.representer.RepresenterError as error:
        raise YamlError("expected plain data: numbers, text, lists, mappings") from error
    return text.strip()[1:-1]


def comment(lines: Iterable[str]) -> str:
    """Return lines as a YAML comment; what cannot be printed is escaped."""
    escaped = ("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line) for line in lines)
    return "".join(f"# {line}".rstrip() + "\n" for line in escaped)
