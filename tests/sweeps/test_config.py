from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from search_spaces.load import FileFaults
from sweeps.config import Gate, SweepConfig, load_sweep

SHIPPED = sorted((Path(__file__).parents[2] / "search_spaces").glob("*.yaml"))
USER_FILES = {"model.base", "model.tokenizer", "train.data"}

SWEEP = """\
name: first-sweep
recipe: recipe.yaml
model: {base: base.safetensors, tokenizer: tokenizer, parameters: 1000}
train: {data: train.jsonl, protocol: math_contest}
evaluation:
  squad_contest: {file: squad.json, items: 500, max_new_tokens: 8, batch: 50}
  math_contest: {file: test.jsonl, max_new_tokens: 8, batch: 50}
seed: 42
trials: 8
slots: {count: 2, workers: 4, devices: [0, 1, 2, 3, 4, 5, 6, 7]}
timeout: 3600
sampler: {type: tpe, startup_trials: 4}
parameters:
  learning_rate: {type: float, low: 1e-4, high: 1.0e-2, log: true, sets: lr_schedule.learning_rate}
  lora_rank: {type: int, low: 1, high: 16, log: true, sets: pet.lora_rank}
  lora_dropout: {type: categorical, choices: [0.0, 0.1], sets: pet.lora_dropout}
  target_modules: {type: subset, of: [wq, wk, wv, wo], sets: pet.target_modules}
  seq_length: {type: categorical, choices: [32, 48, 64], sets: [model.seq_length, data.seq_length]}
  warmup: {type: float, low: 0, high: 0.5, sets: lr_schedule.warmup_ratio, when: {seq_length: [64]}}
derived:
  lora_alpha: {value: 2 * lora_rank, sets: pet.lora_alpha}
fixed:
  runner_config.epochs: 3
metrics:
  error: 1 - math_accuracy / 100
  score: (1 - ratio) * 0.3 + (1 - error) * 0.7
objectives:
  - {metric: score, direction: maximize}
  - {metric: ratio, direction: minimize}
gates:
  - f1 >= 0.9 * base.f1
  - seconds <= 100 + base.seconds
enqueue:
  - {learning_rate: 1.0e-3, lora_rank: 8, lora_dropout: 0.0, target_modules: [wq, wv], seq_length: 32}
  - {learning_rate: 1.0e-3, lora_rank: 8, lora_dropout: 0.1, target_modules: [wq], seq_length: 64, warmup: 0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "a'; echo 微调"
    (place / "tokenizer").mkdir(parents=True)
    for name in ("recipe.yaml", "base.safetensors", "train.jsonl", "squad.json", "test.jsonl"):
        (place / name).touch()
    return place


def load(folder: Path, *changes: tuple[str, str]) -> SweepConfig:
    text = SWEEP
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "sweep.yaml").write_text(text, encoding="utf-8")
    return load_sweep(folder / "sweep.yaml")[0]


def faults(folder: Path, *changes: tuple[str, str]) -> list[tuple[int, str, str]]:
    with pytest.raises(FileFaults) as caught:
        load(folder, *changes)
    return [(fault.line, fault.key, fault.message) for fault in caught.value.faults]


def test_every_section_is_read(folder: Path) -> None:
    config = load(folder)
    assert (config.name, config.seed, config.trials, config.timeout) == ("first-sweep", 42, 8, 3600)
    assert (config.model.parameters, config.train.protocol) == (1000, "math_contest")
    assert {name: evaluation.items for name, evaluation in config.evaluation.items()} == {
        "squad_contest": 500,
        "math_contest": None,
    }
    assert (config.slots.count, config.slots.workers, config.slots.devices) == (2, 4, tuple(range(8)))
    assert (config.sampler.type, config.sampler.startup_trials) == ("tpe", 4)
    assert [(o.metric, o.direction) for o in config.objectives] == [("score", "maximize"), ("ratio", "minimize")]
    assert [gate.label for gate in config.gates] == ["f1 >= 0.9 * base.f1", "seconds <= 100 + base.seconds"]
    assert list(config.space.parameters)[:2] == ["learning_rate", "lora_rank"]
    assert config.space.fixed == {"runner_config.epochs": 3}


def test_limits_of_the_watch_are_read_and_have_defaults(folder: Path) -> None:
    watch = load(folder, ("timeout: 3600", "watch: {hang_seconds: 600, nan_steps: 5}")).watch
    assert (watch.hang_seconds, watch.nan_steps) == (600, 5)
    assert (watch.hang_steps, watch.explode) == (30, 10)
    assert load(folder).watch.hang_seconds == 1800


def test_files_are_found_beside_the_sweep_file(folder: Path) -> None:
    config = load(folder)
    assert config.recipe == folder / "recipe.yaml"
    assert config.model.tokenizer == folder / "tokenizer"
    assert config.evaluation["math_contest"].file == folder / "test.jsonl"


def test_files_are_absolute_where_the_sweep_file_was_named_relatively(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(folder)
    monkeypatch.chdir(folder)
    config, _ = load_sweep(Path("sweep.yaml"))
    assert config.recipe == folder / "recipe.yaml"


def test_tilde_is_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert load(folder, ("base.safetensors", "~/base.safetensors")).model.base == folder / "base.safetensors"


def test_shipped_recipe_is_found_by_its_name(folder: Path) -> None:
    assert load(folder, ("recipe.yaml", "tiny_llama_lora.yaml")).recipe.parent.name == "recipes"


def test_own_recipe_comes_before_the_shipped_one(folder: Path) -> None:
    (folder / "tiny_llama_lora.yaml").touch()
    assert load(folder, ("recipe.yaml", "tiny_llama_lora.yaml")).recipe.parent == folder


def test_missing_data_file_is_no_shipped_one_of_the_same_name(folder: Path) -> None:
    assert load(folder, ("data: train.jsonl", "data: tiny/math_train.jsonl")).train.data.parent.name == "data"
    assert faults(folder, ("data: train.jsonl", "data: math_train.jsonl"))[0][1] == "train.data"


def test_configuration_survives_being_kept_as_json(folder: Path) -> None:
    config = load(folder)
    again = SweepConfig.model_validate_json(config.model_dump_json())
    assert again == config
    assert again.space == config.space
    assert again.enqueued_params() == config.enqueued_params()
    assert again.gates == config.gates


def test_json_holds_no_more_than_the_sweep_file_does(folder: Path) -> None:
    kept = json.loads(load(folder).model_dump_json())
    assert kept["gates"] == ["f1 >= 0.9 * base.f1", "seconds <= 100 + base.seconds"]
    assert kept["derived"]["lora_alpha"]["value"] == "2 * lora_rank"
    assert "lines" not in kept


def test_enqueued_configurations_become_params(folder: Path) -> None:
    first, second = load(folder).enqueued_params()
    assert first == {
        "learning_rate": 1e-3,
        "lora_rank": 8,
        "lora_dropout": 0.0,
        "target_modules.wq": True,
        "target_modules.wk": False,
        "target_modules.wv": True,
        "target_modules.wo": False,
        "seq_length": 32,
    }
    assert second["warmup"] == 0.0


def test_formulas_are_computed_in_their_order(folder: Path) -> None:
    values = load(folder).derived_metrics({"ratio": 0.1, "math_accuracy": 50.0, "f1": 60.0})
    assert values["error"] == 0.5
    assert values["score"] == pytest.approx(0.9 * 0.3 + 0.5 * 0.7)
    assert values["f1"] == 60.0


def test_shipped_formula_is_written_by_its_name_and_kept_as_what_it_is(folder: Path) -> None:
    config = load(folder, ("(1 - ratio) * 0.3 + (1 - error) * 0.7", "contest_stage1"))
    assert config.metrics["score"].text == "(1 - ratio) * 0.3 + math_accuracy / 100 * 0.7"
    assert config.derived_metrics({"ratio": 0.1, "math_accuracy": 50.0})["score"] == pytest.approx(0.62)


def test_formula_over_what_is_not_a_number_is_not_a_number(folder: Path) -> None:
    values = load(folder).derived_metrics({"ratio": 0.1, "math_accuracy": math.nan})
    assert math.isnan(values["score"])


@pytest.mark.parametrize(
    ("gate", "value", "violation"),
    [
        ("f1 >= 0.9 * base.f1", 60.0, -6.0),
        ("f1 >= 0.9 * base.f1", 50.0, 4.0),
        ("f1 >= 0.9 * base.f1", 54.0, 0.0),
        ("f1 <= base.f1", 61.0, 1.0),
        ("f1 >= 70", 60.0, 10.0),
        ("f1 >= base.f1", math.nan, math.inf),
        ("f1 >= base.em", 60.0, math.inf),
    ],
)
def test_violation_of_a_gate_is_how_much_is_missing(gate: str, value: float, violation: float) -> None:
    assert Gate.parse(gate).violation({"f1": value}, {"f1": 60.0}) == pytest.approx(violation)


@pytest.mark.parametrize("name", ["first", "微调_1", "a-b.c", "_x", "9"])
def test_name_of_letters_and_digits_is_taken(folder: Path, name: str) -> None:
    assert load(folder, ("first-sweep", f"'{name}'")).name == name


@pytest.mark.parametrize("name", ["", "..", ".hidden", "-x", "a/b", "a b", "a\\\\b", "a\\n", "x" * 81])
def test_name_that_is_no_safe_folder_is_refused(folder: Path, name: str) -> None:
    ((line, key, message),) = faults(folder, ("first-sweep", f'"{name}"'))
    assert (line, key) == (1, "name")
    assert "not starting with - or ." in message


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "message"),
    [
        # keys
        ("seed:", "sede:", 8, "sede", "unknown key 'sede'; did you mean 'seed'?"),
        ("seed: 42", "", 1, "seed", "is missing; expected the key 'seed' here"),
        ("items:", "itms:", 6, "evaluation.squad_contest.itms", "unknown key 'itms'; did you mean 'items'?"),
        (
            ", batch: 50}\n  math_contest",
            "}\n  math_contest",
            6,
            "evaluation.squad_contest.batch",
            "is missing; expected the key 'batch' here",
        ),
        ("trials: 8", "seed: 3\ntrials: 8", 9, "seed", "the key stands twice, first in line 8"),
        # values
        (
            "max_new_tokens: 8, batch: 50}\n  math",
            "max_new_tokens: 21, batch: 50}\n  math",
            6,
            "evaluation.squad_contest.max_new_tokens",
            "expected at most 20, as squad_contest has it, got 21",
        ),
        ("items: 500", "items: many", 6, "evaluation.squad_contest.items", "expected an integer, got 'many'"),
        ("batch: 50", "batch: 0", 6, "evaluation.squad_contest.batch", "expected a number >= 1, got 0"),
        ("batch: 50", "batch: true", 6, "evaluation.squad_contest.batch", "expected an integer, got True"),
        ("trials: 8", "trials: 0", 9, "trials", "expected a number >= 1, got 0"),
        ("seed: 42", "seed: -1", 8, "seed", "expected a number >= 0, got -1"),
        ("timeout: 3600", "timeout: .nan", 11, "timeout", "expected a "),
        ("timeout: 3600", "timeout: .inf", 11, "timeout", "expected a finite number, got inf"),
        (
            "timeout: 3600",
            "watch: {nan_step: 5}",
            11,
            "watch.nan_step",
            "unknown key 'nan_step'; did you mean 'nan_steps'",
        ),
        ("timeout: 3600", "watch: {hang_steps: 0}", 11, "watch.hang_steps", "expected a number > 0.0, got 0"),
        ("name: first-sweep", "name: 2024-01-01", 1, "name", "expected text (put it in quotes if it is)"),
        ("type: tpe", "type: tpee", 12, "sampler.type", "unknown value 'tpee'; did you mean 'tpe'?"),
        ("derived:\n  lora_alpha:", "derived: 3\nx:", 20, "derived", "expected keys with values, got 3"),
        # files
        ("recipe.yaml", "recipe.yml", 2, "recipe", "there is no recipe "),
        ("base.safetensors", "none.ckpt", 3, "model.base", "there is no file or folder of weights "),
        ("tokenizer: tokenizer", "tokenizer: train.jsonl", 3, "model.tokenizer", "there is no tokenizer folder "),
        ("train.jsonl", "tokenizer", 4, "train.data", "there is no data file "),
        ("recipe.yaml", "[1]", 2, "recipe", "expected the name of a recipe, got [1]"),
        # protocols
        (
            "protocol: math_contest",
            "protocol: meth_contest",
            4,
            "train.protocol",
            "unknown protocol 'meth_contest'; did you mean 'math_contest'?",
        ),
        (
            "  squad_contest:",
            "  sqad_contest:",
            6,
            "evaluation.sqad_contest",
            "unknown protocol 'sqad_contest'; did you mean 'squad_contest'?",
        ),
        # slots
        ("count: 2", "count: 3", 10, "slots", "`count * workers <= number of devices` must hold, but got 3 * 4 and 8"),
        ("[0, 1,", "[1, 1,", 10, "slots", "devices [1, 1, 2, 3, 4, 5, 6, 7] name a card twice"),
        ("[0, 1,", "[-1, 1,", 10, "slots.devices[0]", "expected a number >= 0, got -1"),
        # parameters
        (
            "type: float",
            "type: flaot",
            14,
            "parameters.learning_rate.type",
            "unknown value 'flaot'; did you mean 'floa",
        ),
        ("type: float, ", "", 14, "parameters.learning_rate.type", "is missing; expected the key 'type' here"),
        ("low: 1e-4, ", "", 14, "parameters.learning_rate.low", "is missing; expected the key 'low' here"),
        ("low: 1e-4", "low: '1e-4'", 14, "parameters.learning_rate.low", "expected a number, got '1e-4'"),
        ("low: 1e-4", "low: .inf", 14, "parameters.learning_rate.low", "expected a finite number, got inf"),
        (
            "low: 1e-4",
            "low: 1",
            14,
            "parameters.learning_rate.low",
            "`low < high` must hold, but got low=1.0, high=0.01",
        ),
        ("low: 1, h", "low: 1.5, h", 15, "parameters.lora_rank.low", "expected an integer, got 1.5"),
        ("low: 1, h", "low: 1, step: 0, h", 15, "parameters.lora_rank.step", "expected a number >= 1, got 0"),
        ("log: true, sets: pet", "logs: 1, sets: pet", 15, "parameters.lora_rank.logs", "unknown key 'logs'; did you"),
        ("[0.0, 0.1]", "[0.0, .nan]", 16, "parameters.lora_dropout.choices[1]", "expected text (in quotes), a finite"),
        ("[0.0, 0.1]", "0.1", 16, "parameters.lora_dropout.choices", "expected a list, got 0.1"),
        ("sets: pet.lora_dropout", "sets: [pet, 3]", 16, "parameters.lora_dropout.sets[1]", "expected text"),
        ("when: {seq_length: [64]}", "when: {seq_length: [65]}", 19, "parameters.warmup.when.seq_length", "'seq_len"),
        ("2 * lora_rank", "2 * lora_rnak", 21, "derived.lora_alpha.value", "unknown name 'lora_rnak'; did you mean"),
        ("2 * lora_rank", "2 *", 21, "derived.lora_alpha.value", "'2 *' is no expression: "),
        ("epochs: 3", "epochs: {a: 3}", 23, "fixed.runner_config.epochs", "expected text (in quotes), a finite"),
        # metrics, objectives, gates
        ("1 - math_acc", "1 - maths_acc", 25, "metrics.error", "unknown metric 'maths_accuracy'; did you mean 'math_"),
        ("1 - math_acc", "1 - choice_acc", 25, "metrics.error", "metric 'choice_accuracy' is measured by the protocol"),
        ("1 - math_acc", "1 - score + math_acc", 25, "metrics.error", "'score' is no earlier formula; move it above"),
        ("  error:", "  f1: 3\n  error:", 25, "metrics.f1", "'f1' is measured; choose another name"),
        ("  error:", "  a b: 3\n  error:", 25, "metrics.a b", "'a b' is no name; expected letters"),
        (
            "metric: ratio",
            "metric: contest_stage1",
            29,
            "objectives[1].metric",
            "'contest_stage1' is a formula, no metric",
        ),
        ("metric: ratio", "metric: raito", 29, "objectives[1].metric", "unknown metric 'raito'; did you mean 'ratio'?"),
        ("metric: ratio", "metric: score", 29, "objectives[1].metric", "'score' is an objective twice; delete one"),
        ("minimize", "minimise", 29, "objectives[1].direction", "unknown value 'minimise'; did you mean 'minimize'?"),
        ("f1 >= 0.9", "f2 >= 0.9", 31, "gates[0]", "unknown metric 'f2'"),
        ("* base.f1", "* base.f2", 31, "gates[0]", "unknown metric 'f2'"),
        ("f1 >= 0.9", "f1 > 0.9", 31, "gates[0]", "expected METRIC >= BOUND or METRIC <= BOUND, got"),
        ("f1 >= 0.9", "2 * f1 >= 0.9", 31, "gates[0]", "expected METRIC >= BOUND or METRIC <= BOUND, got"),
        ("* base.f1", "* em", 31, "gates[0]", "the bound of 'f1 >= 0.9 * em' names 'em'; expected numbers and base"),
        ("* base.f1", "* base.train_loss", 31, "gates[0]", "'base.train_loss' is not known: the base is not trained"),
        ("seconds <= 100 + base.seconds", "f1 >= 0.9 * base.f1", 32, "gates[1]", "'f1 >= 0.9 * base.f1' stands there"),
        # enqueue
        ("lora_rank: 8", "lora_rank: 80", 34, "enqueue[0].lora_rank", "expected an integer from 1 to 16, got 80"),
        (
            "lora_rank: 8",
            "lora_rnak: 8, lora_rank: 8",
            34,
            "enqueue[0].lora_rnak",
            "unknown parameter 'lora_rnak'; did",
        ),
        ("lora_rank: 8, ", "", 34, "enqueue[0].lora_rank", "is missing; every parameter needs a value"),
        (
            ", seq_length: 64, warmup: 0}",
            ", seq_length: 48, warmup: 0}",
            35,
            "enqueue[1].warmup",
            "is only there where",
        ),
    ],
)
def test_fault_is_said_with_its_line_and_key(
    folder: Path, old: str, new: str, line: int, key: str, message: str
) -> None:
    found = {(fault_line, fault_key): said for fault_line, fault_key, said in faults(folder, (old, new))}
    assert (line, key) in found
    assert found[line, key].startswith(message)


def test_configuration_that_is_enqueued_twice_is_a_fault(folder: Path) -> None:
    first = SWEEP.splitlines()[33]
    assert faults(folder, (first, f"{first}\n{first}")) == [(35, "enqueue[1]", "stands there twice; delete one")]


def test_no_objective_is_a_fault(folder: Path) -> None:
    objectives = "  - {metric: score, direction: maximize}\n  - {metric: ratio, direction: minimize}\n"
    assert faults(folder, (f"objectives:\n{objectives}", "objectives: []\n")) == [
        (27, "objectives", "expected at least 1 of them, got []")
    ]


def test_one_fault_does_not_hide_another(folder: Path) -> None:
    found = faults(
        folder,
        ("recipe.yaml", "recipe.yml"),
        ("trials: 8", "trials: 0"),
        ("type: int, low: 1", "type: int, low: 20"),
        ("[0.0, 0.1]", "[]"),
        ("2 * lora_rank", "2 * lora_rnak"),
        ("1 - math_acc", "1 - maths_acc"),
        ("metric: ratio", "metric: raito"),
        ("f1 >= 0.9", "f2 >= 0.9"),
        ("learning_rate: 1.0e-3", "learning_rate: 1.0"),
    )
    assert [(line, key) for line, key, _ in found] == [
        (2, "recipe"),
        (9, "trials"),
        (15, "parameters.lora_rank.low"),
        (16, "parameters.lora_dropout.choices"),
        (21, "derived.lora_alpha.value"),
        (25, "metrics.error"),
        (29, "objectives[1].metric"),
        (31, "gates[0]"),
        (34, "enqueue[0].learning_rate"),
    ]


def test_parameter_that_cannot_be_read_is_not_said_to_be_unknown(folder: Path) -> None:
    found = faults(folder, ("type: int, low: 1,", "type: int, low: one,"))
    assert [(line, key) for line, key, _ in found] == [(15, "parameters.lora_rank.low")]


def test_message_begins_with_file_and_line(folder: Path) -> None:
    with pytest.raises(FileFaults) as caught:
        load(folder, ("trials: 8", "trials: 0"))
    assert str(caught.value) == f"{folder / 'sweep.yaml'}:9: trials: expected a number >= 1, got 0"


def test_document_gives_the_line_of_a_path_that_a_parameter_sets(folder: Path) -> None:
    load(folder)
    config, document = load_sweep(folder / "sweep.yaml")
    place = dict(config.space.paths())["data.seq_length"]
    fault = document.fault(place, "the recipe has no such key")
    assert (fault.line, fault.key) == (18, "parameters.seq_length.sets[1]")


def test_three_sweeps_are_shipped() -> None:
    assert [file.stem for file in SHIPPED] == ["internlm_7b_mmlu", "llama3_8b_math", "tiny_cpu"]


@pytest.mark.parametrize("file", [file for file in SHIPPED if file.stem != "tiny_cpu"], ids=lambda file: file.stem)
def test_shipped_contest_sweep_lacks_only_the_files_of_the_user(file: Path) -> None:
    with pytest.raises(FileFaults) as caught:
        load_sweep(file)
    keys = {fault.key for fault in caught.value.faults}
    assert keys == USER_FILES | {key for key in keys if key.startswith("evaluation.") and key.endswith(".file")}
    assert all("there is no " in fault.message for fault in caught.value.faults)


@pytest.mark.parametrize("file", [file for file in SHIPPED if file.stem != "tiny_cpu"], ids=lambda file: file.stem)
def test_shipped_contest_sweep_is_complete_with_the_files_its_header_names(file: Path, tmp_path: Path) -> None:
    header = file.read_text(encoding="utf-8").partition("\n\n")[0]
    for name in [line.split()[1] for line in header.splitlines() if line.startswith("#   ")]:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    config, _ = load_sweep(tmp_path / file.name)
    assert config.enqueued_params()


def test_shipped_tiny_sweep_runs_as_it_is() -> None:
    (tiny,) = (file for file in SHIPPED if file.stem == "tiny_cpu")
    config, _ = load_sweep(tiny)
    assert config.slots.devices == ()
