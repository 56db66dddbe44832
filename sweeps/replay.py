"""Compare a run of an exported configuration with its manifest: ``python -m sweeps.replay MANIFEST MEASUREMENT...``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trainer.measurement import Measurement


def main(manifest: Path, measurements: list[Path]) -> int:
    """Print each metric as it was and as it is now; returns 0 where all are equal to the last digit, else 1."""
    expected: dict[str, dict[str, float]] = json.loads(manifest.read_text(encoding="utf-8"))["scores"]
    found = {name: score for file in measurements for name, score in Measurement.read(file).scores.items()}
    equal = True
    for name, score in expected.items():
        now = found[name].value if name in found else None
        equal &= now == score["value"]
        print(f"{name:28} trial {score['value']!r:22} now {now!r:22} {'equal' if now == score['value'] else 'DIFFERS'}")
    if equal and expected:
        print("the trial's numbers again")
        return 0
    print(
        "not the trial's numbers: another machine or other versions may differ; so does a trial with lora_dropout > 0 "
        "on CPU, where MindSpore draws dropout in several threads in no fixed order"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(file) for file in sys.argv[2:]]))
