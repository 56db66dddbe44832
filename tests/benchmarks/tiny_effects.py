"""Which hyperparameters matter on the tiny base, beyond the spread over seeds? Real msrun trials, one after another.

    python -m tests.benchmarks.tiny_effects OUT.jsonl --base A.safetensors --base B.safetensors ... [--vary]

Trains the reference configuration on every base with every seed, and with ``--vary`` each of ``VARIATIONS`` on the
first base. Every finished trial is a line of OUT, so a run that was stopped goes on. Prints the tables of the README.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scipy.stats import t

from sweeps.config import load_sweep
from sweeps.plan import Plan, make_plan
from sweeps.stores import Stores
from trainer.launcher import Launcher
from trainer.measurement import Measurement
from trainer.paths import TrialPaths
from trainer.slots import Slots

SWEEP = Path(__file__).parents[2] / "search_spaces/tiny_cpu.yaml"
SEEDS = (1, 2, 3)
ITEMS = 600
REFERENCE = {
    "learning_rate": 1e-3,
    "lora_rank": 8,
    "lora_dropout": 0.0,
    "target_modules": ["wq", "wk", "wv", "wo"],
    "seq_length": 48,
}
VARIATIONS: tuple[tuple[str, object], ...] = (
    ("learning_rate", 3e-4),
    ("learning_rate", 3e-3),
    ("lora_rank", 1),
    ("lora_rank", 16),
    ("target_modules", ["wq"]),
    ("target_modules", ["wq", "wv"]),
    ("seq_length", 24),
    ("seq_length", 32),
)


@dataclass(frozen=True)
class Case:
    """One trial to run: the untouched base where ``configuration`` is None."""

    base: Path
    seed: int
    configuration: Mapping[str, object] | None

    @property
    def key(self) -> str:
        """What a finished trial is known by."""
        return json.dumps([self.base.name, self.seed, self.configuration])


def cases(bases: list[Path], vary: bool) -> Iterator[Case]:
    """Yield all trials, the bases first."""
    for base in bases:
        yield Case(base, 0, None)
    for base in bases:
        for seed in SEEDS:
            yield Case(base, seed, REFERENCE)
    for name, value in VARIATIONS if vary else ():
        for seed in SEEDS:
            yield Case(bases[0], seed, {**REFERENCE, name: value})


def run(out: Path, wanted: list[Case], plan: Plan, count: int) -> None:
    """Run what ``out`` does not hold yet, ``count`` at a time."""
    done = {json.loads(line)["key"] for line in out.read_text().splitlines()} if out.exists() else set()
    queue = [case for case in wanted if case.key not in done]
    slots, running = Slots(count, 1), list[tuple[Case, TrialPaths, Launcher]]()
    while queue or running:
        while queue and slots.free:
            case, placement = queue.pop(0), slots.lease()
            paths = TrialPaths(plan.folder / f"{case.base.stem}-{len(queue)}")
            model = plan.config.model.model_copy(update={"base": case.base})
            update: dict[str, object] = {"model": model}
            if case.seed:
                update["seed"] = case.seed
            own = replace(plan, config=plan.config.model_copy(update=update))
            space = own.config.space
            settings = None if case.configuration is None else space.settings(space.encode(case.configuration))
            launch = own.prepare(paths, placement, settings, paths.root.name)
            running.append((case, paths, Launcher(launch, placement, paths)))
        for case, paths, launcher in tuple(running):
            if (ended := launcher.poll()) is None:
                continue
            running.remove((case, paths, launcher))
            slots.release(launcher.placement)
            if not paths.measurement.exists():
                raise SystemExit(f"{case}: {ended.reason}, see {ended.log}")
            measured = Measurement.read(paths.measurement)
            line = {
                "key": case.key,
                "base": case.base.stem,
                "configuration": case.configuration,
                "seed": case.seed,
                "wall": ended.seconds,
                "seconds": measured.seconds,
                "values": {name: score.value for name, score in measured.scores.items()},
            }
            with out.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{case.base.stem} seed {case.seed} {case.configuration} {line['values']}", flush=True)
        time.sleep(0.5)


def interval(values: list[float]) -> str:
    """Mean and half width of its 95 % interval, Student's t."""
    half = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):.1f} ± {half:.1f}"


def difference(values: list[float], reference: list[float]) -> str:
    """Difference of means with the half width of Welch's 95 % interval; marked where it excludes zero."""
    a, b = statistics.variance(values) / len(values), statistics.variance(reference) / len(reference)
    degrees = (a + b) ** 2 / (a**2 / (len(values) - 1) + b**2 / (len(reference) - 1)) if a + b else 1
    delta, half = statistics.mean(values) - statistics.mean(reference), t.ppf(0.975, degrees) * (a + b) ** 0.5
    return f"{delta:+.1f} ± {half:.1f}{' *' if abs(delta) > half else ''}"


def report(out: Path) -> None:
    """Print the tables."""
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    metrics = sorted({name for row in rows for name in row["values"] if "blank" not in name and "squad_" not in name})
    untouched = {row["base"]: row["values"] for row in rows if row["configuration"] is None}
    print("\n| base | metric | untouched | LoRA, mean over seeds | gain |\n|---|---|--:|--:|--:|")
    for base, before in untouched.items():
        tuned = [r["values"] for r in rows if r["base"] == base and r["configuration"] == REFERENCE]
        for metric in metrics if len(tuned) > 1 else ():
            values = [value[metric] for value in tuned]
            gain = statistics.mean(values) - before[metric]
            print(f"| {base} | {metric} | {before[metric]:.1f} | {interval(values)} | {gain:+.1f} |")
    first = next(iter(untouched))
    tuned = [r["values"] for r in rows if r["base"] == first and r["configuration"] == REFERENCE]
    print("\n| changed from the reference | " + " | ".join(metrics) + " |\n|---|" + "--:|" * len(metrics))
    for name, value in VARIATIONS:
        changed = [r["values"] for r in rows if r["configuration"] == {**REFERENCE, name: value}]
        if len(changed) > 1:
            cells = [difference([c[m] for c in changed], [r[m] for r in tuned]) for m in metrics]
            print(f"| {name} {value} | " + " | ".join(cells) + " |")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", type=Path, action="append", required=True)
    parser.add_argument("--vary", action="store_true")
    parser.add_argument("--slots", type=int, default=2)
    arguments = parser.parse_args()
    config, document = load_sweep(SWEEP)
    evaluation = {name: e.model_copy(update={"items": ITEMS}) for name, e in config.evaluation.items()}
    config = config.model_copy(update={"evaluation": evaluation})
    plan = make_plan(config, document, Stores(arguments.out.absolute().parent))
    run(arguments.out, list(cases([base.absolute() for base in arguments.base], arguments.vary)), plan, arguments.slots)
    report(arguments.out)


if __name__ == "__main__":
    main()
