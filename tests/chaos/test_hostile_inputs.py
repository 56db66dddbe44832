"""Hostile inputs: a sweep file, recipe, data file or log that is broken anywhere is refused with exit code 2.

Four hundred of them: ``pytest tests/chaos/test_hostile_inputs.py --hypothesis-profile thorough``; CI takes a tenth.
No traceback, nothing started. ``start --dry-run`` makes every check that ``start`` makes, and then starts nothing where
the mutation happens to leave a sweep that is sound.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from trainer.step_log import parse

ROOT = Path(__file__).parents[2]
SWEEP = (ROOT / "search_spaces/tiny_cpu.yaml").read_text(encoding="utf-8")
RECIPE = (ROOT / "trainer/recipes/tiny_llama_lora.yaml").read_text(encoding="utf-8")
MATH = (ROOT / "trainer/tiny/data/math_test.jsonl").read_text(encoding="utf-8").splitlines()[:40]
SQUAD = json.loads((ROOT / "trainer/tiny/data/squad_dev.json").read_text(encoding="utf-8"))
SQUAD["data"] = [{**SQUAD["data"][0], "paragraphs": SQUAD["data"][0]["paragraphs"][:10]}]
LOG = " { Epoch:[  1/  3], step:[   10/  150], loss:[1.5/2.5], per_step_time:40ms, lr:0.0003, overflow cond: False, "

_HOSTILE: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 10**30, -(10**30), 1e308, float("nan"), float("inf"), -float("inf")),
    *("", " ", "nan", "1e400", "../../../etc/passwd", "/dev/null", "/", "$(id)", "<script>", "\x00", "\ud7ff", "训练"),
    *("a" * 10_000, "{" * 500, "__import__('os').system('id')", "9**9**9", "%s%n", "x\ny: 1", [], {}, [[]], {"": ""}),
    *(10**400, -(10**400), 16**5000, 10**9, 2, 1.0000000000000002, 1e-320, -1e308, "0x" + "f" * 5000),
    *([None], [1, "a", None], {"type": "float"}, {"a": {"b": {"c": []}}}, {1: 2}, {None: None}, {True: False}),
]
# what a sweep may have beside what the shipped one has; sound where it is sound
_SECTIONS: dict[str, list[Any]] = {
    "halving": [
        {"min": 1, "max": 9, "eta": 3},
        {"min": 1, "max": 2, "eta": 1.5},
        {"min": 1, "max": 10**6, "eta": 1.0000001},
        {"min": 1, "max": 9, "eta": 1.0000000000000002},
        {"min": 9, "max": 3},
        {"min": 3, "max": 3},
        {"min": 1, "max": 10**400},
        {"unit": "steps", "rungs": [2, 6]},
        {"unit": "steps", "rungs": [10, 100_000]},
        {"unit": "steps", "rungs": [1, 2, 10**9], "eta": 10_000},
        {"rungs": [1, 3], "items": {"squad_contest": 300, "math_contest": 1}},
        {"rungs": [1, 3], "items": {"squad_contest": 5}},
    ],
    "budget": [
        {"epochs": None},
        {"epochs": None, "hours": None},
        {"epochs": 1},
        {"epochs": 2},
        {"epochs": 10**400},
        {"steps": 7},
        {"steps": 10**9},
        {"card_hours": 1e-9},
        {"hours": 1e308},
        {"epochs": 9, "hours": 1},
    ],
    "fixed": [
        {"runner_config.batch_size": 0},
        {"runner_config.batch_size": 100_000},
        {"runner_config.batch_size": 10**400},
        {"runner_config.sink_mode": True, "runner_config.sink_size": 7},
        {"runner_config.sink_mode": True, "runner_config.sink_size": -1},
        {"runner_config.sink_mode": True, "runner_config.sink_size": 0},
        {"optimizer.type": "FP32StateAdamWeightDecay"},
        {"model.model_config.vocab_size": 10**400},
        {"runner_config.epochs": 10**400},
    ],
    "trials": [None, 1, 10**9, 10**400],
    "sampler": [{"type": "random"}, {"type": "tpe"}, {"type": "ehvi", "startup_trials": 10**400}],
}
hostile = st.sampled_from(_HOSTILE) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# a case takes a third of a second
_SETTINGS = settings(
    max_examples=settings().max_examples // 10,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where every part of a structure stands."""
    yield at
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*at, key))


def mutated(value: Any, data: st.DataObject) -> Any:
    """Return ``value`` with one to three of its parts replaced, deleted, doubled or renamed."""
    for _ in range(data.draw(st.integers(1, 3), "mutations")):
        value = copy.deepcopy(value)
        *inner, last = data.draw(st.sampled_from([at for at in places(value) if at]), "place")
        parent = value
        for key in inner:
            parent = parent[key]
        kind = data.draw(st.sampled_from(["replace", "replace", "delete", "double", "rename"]), "kind")
        if kind == "delete":
            del parent[last]
        elif kind == "rename" and isinstance(parent, dict):
            parent[data.draw(st.text(max_size=12), "name")] = parent.pop(last)
        elif kind == "double" and isinstance(parent, list):
            parent.append(parent[last])
        else:
            parent[last] = data.draw(hostile, "value")
        if not isinstance(value, (dict, list)) or not value:
            return value
    return value


def garbled(text: str, data: st.DataObject) -> bytes:
    """Return ``text`` as bytes with one slice replaced by others."""
    raw = text.encode()
    start = data.draw(st.integers(0, len(raw)), "start")
    stop = data.draw(st.integers(start, min(len(raw), start + 200)), "stop")
    hostile_bytes = st.binary(max_size=40) | st.sampled_from(
        [
            b"\t",
            b"&a [*a]",
            b"!!python/object/apply:os.system [id]",
            b"\xff\xfe",
            b"? ",
            b"<<: *x",
            b"---\n",
            b"%TAG ! x",
        ]
    )
    return raw[:start] + data.draw(hostile_bytes, "bytes") + raw[stop:]


class Case:
    """A sweep in a folder of its own, with a recipe and data of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"
        self.files: dict[str, bytes] = {
            "sweep.yaml": SWEEP.replace("tiny_llama_lora.yaml", "recipe.yaml")
            .replace("tiny/math_train.jsonl", "math.jsonl")
            .replace("tiny/math_test.jsonl", "math.jsonl")
            .replace("tiny/squad_dev.json", "squad.json")
            .encode(),
            "recipe.yaml": RECIPE.encode(),
            "math.jsonl": "\n".join(MATH).encode(),
            "squad.json": json.dumps(SQUAD).encode(),
        }

    def start(self, *options: object, **changed: bytes) -> tuple[int, str, str]:
        """Write the files, those of ``changed`` in place of the sound ones, and start; nothing may be written."""
        for name, content in self.files.items():
            (self.folder / name).write_bytes(changed.get(name.partition(".")[0], content))
        result = cli("start", self.folder / "sweep.yaml", "--runs", self.runs, "--dry-run", *options)
        assert not self.runs.exists()
        return result


def cli(*arguments: object) -> tuple[int, str, str]:
    """Run the command line in this process; an exception is a traceback to a user, so it is not caught."""
    from sweeps.cli import main

    before, sys.argv = sys.argv, ["lorasweep", *map(str, arguments)]
    out, error = StringIO(), StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(error), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
    code = ended.value.code
    return (code if isinstance(code, int) else 0 if code is None else 1), out.getvalue(), error.getvalue()


def dumped(value: Any) -> bytes:
    """Return ``value`` as YAML; what YAML cannot hold is left out.

    Integers are hexadecimal where Python refuses to write out so many digits.
    """
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False)
    return text.encode("utf-8", "surrogatepass")


class _Dumper(yaml.SafeDumper):
    pass


def _integer(dumper: yaml.SafeDumper, value: int) -> yaml.ScalarNode:
    text = str(value) if value.bit_length() < 10_000 else hex(value)
    return dumper.represent_scalar("tag:yaml.org,2002:int", text)


_Dumper.add_representer(int, _integer)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def judge(result: tuple[int, str, str]) -> None:
    """A mutation may leave a sound sweep (0); what is refused names a file of the sweep and says what is wrong (2)."""
    code, _, error = result
    assert code in (0, 2), error
    assert (code == 2) == bool(error.strip())
    assert "Traceback" not in error


def test_the_sound_sweep_is_taken(case: Case) -> None:
    assert case.start()[0] == 0


@seed(1)
@_SETTINGS
@given(data=st.data())
def test_sweep_structure(case: Case, data: st.DataObject) -> None:
    judge(case.start(sweep=dumped(mutated(yaml.safe_load(case.files["sweep.yaml"]), data))))


@seed(7)
@_SETTINGS
@given(data=st.data())
def test_fidelity_and_budget(case: Case, data: st.DataObject) -> None:
    sweep = yaml.safe_load(case.files["sweep.yaml"])
    for section, kinds in _SECTIONS.items():
        if data.draw(st.booleans(), section):
            sweep[section] = data.draw(st.sampled_from(kinds))
    if data.draw(st.booleans(), "without halving"):
        sweep.pop("halving", None)
    if data.draw(st.booleans(), "mutated"):
        sweep = mutated(sweep, data)
    step_ms = data.draw(st.sampled_from([None, 40, 1e-300, 86_400_000, "inf", "nan", 0]), "step-ms")
    judge(case.start(*(() if step_ms is None else ("--step-ms", step_ms)), sweep=dumped(sweep)))


@seed(2)
@_SETTINGS
@given(data=st.data())
def test_sweep_bytes(case: Case, data: st.DataObject) -> None:
    judge(case.start(sweep=garbled(case.files["sweep.yaml"].decode(), data)))


@seed(3)
@_SETTINGS
@given(data=st.data())
def test_recipe(case: Case, data: st.DataObject) -> None:
    recipe = dumped(mutated(yaml.safe_load(RECIPE), data)) if data.draw(st.booleans()) else garbled(RECIPE, data)
    judge(case.start(recipe=recipe))


@seed(4)
@_SETTINGS
@given(data=st.data())
def test_math_data(case: Case, data: st.DataObject) -> None:
    lines = list(MATH)
    at = data.draw(st.integers(0, len(lines) - 1), "line")
    lines[at] = json.dumps(mutated(json.loads(lines[at]), data))
    content = "\n".join(lines).encode() if data.draw(st.booleans()) else garbled("\n".join(MATH), data)
    judge(case.start(math=content))


@seed(5)
@_SETTINGS
@given(data=st.data())
def test_squad_data(case: Case, data: st.DataObject) -> None:
    content = (
        json.dumps(mutated(SQUAD, data)).encode() if data.draw(st.booleans()) else garbled(json.dumps(SQUAD), data)
    )
    judge(case.start(squad=content))


@seed(6)
@_SETTINGS
@given(data=st.data())
def test_log_lines(data: st.DataObject) -> None:
    text = garbled(LOG + "loss_scale:[128.0]\n", data).decode("utf-8", "replace")
    for record in parse(text.splitlines()):
        assert record.steps >= 0
        assert record.global_step <= record.total_steps or record.epoch > record.epochs or record.step > record.steps
