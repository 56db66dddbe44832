"""Sweeps for the doctor, and what it says of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sweeps.doctor.finding import Finding
from sweeps.doctor.subject import Subject
from sweeps.stores import Stores
from tests.short_sweep import write_sweep
from tests.test_end_to_end import RECIPES

FOR_CARDS = (
    ("device_target: CPU", "device_target: Ascend\n  max_device_memory: {limit}"),
    ("type: CpuTrainOneStepCell", "type: MFTrainOneStepCell"),
    ("use_past: False", "use_past: False\n    is_dynamic: False\n    block_size: 16\n    num_blocks: 1"),
)


def examined(folder: Path, changes: dict[str, str] | None = None, recipe: dict[str, str] | None = None) -> Subject:
    """Read a short sweep of the tiny model with its own recipe, both with texts replaced."""
    sweep, own = write_sweep(folder), folder / "own.yaml"
    own.write_text((RECIPES / "tiny_llama_lora.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    for file, pairs in (
        (sweep, {"recipe: tiny_llama_lora.yaml": "recipe: own.yaml", **(changes or {})}),
        (own, recipe),
    ):
        text = file.read_text(encoding="utf-8")
        for old, new in (pairs or {}).items():
            assert old in text
            text = text.replace(old, new, 1)
        file.write_text(text, encoding="utf-8")
    return Subject.of(sweep, Stores(folder / "runs"))


def on_cards(folder: Path, devices: str, limit: str = "58GB") -> Subject:
    """Read the sweep for one slot on each of the first two of ``devices``."""
    slots = {"workers: 1}": f"workers: 1, devices: {devices}}}"}
    return examined(folder, slots, {old: new.format(limit=limit) for old, new in FOR_CARDS})


def said(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Return level and text of each finding."""
    return [(finding.level, finding.text) for finding in findings]
