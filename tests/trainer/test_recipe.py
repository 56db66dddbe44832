from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trainer.recipe import Recipe, RecipeError

CONTEST = Path(__file__).parents[3] / "shared/data/contest/configs"
CONFIGS = sorted(CONTEST.glob("*.yaml"))
SHIPPED = sorted((Path(__file__).parents[2] / "trainer/recipes").glob("*.yaml"))

TEXT = """\
# what this is for
seed: 42  # the answer
output_dir: './output'
load_checkpoint:   # nothing yet
resume: ~
lr_schedule:
  learning_rate: 1.e-5
  # between
  schedule: "Cosine \\
    with warm-up"
betas: [0.9, 0.999]   # of AdamW
train_dataset: &train_dataset
  data_loader:
    dataset_dir: ""
    shuffle: True
  batch: &batch 4
train_dataset_task:
  dataset_config: *train_dataset
  type: CausalLanguageModelDataset
micro: *batch
columns:
- input_ids
# after the first
- labels

# callbacks
callbacks:
  - type: MFLossMonitor
  - type: CheckpointMonitor
    prefix: !!str 12   # a text
    note: |
      several
      # lines

  -
inline: {rank: 8, targets: '.*wq|.*wv', none: , on: yes}
folded: >-
  more
  lines
last:
"""

Reading = Callable[[str], Recipe]
unhurried = hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.too_slow])


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Reading:
    file = tmp_path_factory.mktemp("recipe") / "recipe.yaml"

    def read(text: str) -> Recipe:
        file.write_text(text, encoding="utf-8")
        return Recipe.read(file)

    return read


def leaves(values: Any, prefix: str = "") -> Iterator[str]:
    """Dotted paths of scalars, aliases followed."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, (dict, list)):
            yield from leaves(value, f"{prefix}{key}.")
        elif isinstance(key, (str, int)) and key is not True:
            yield f"{prefix}{key}"


def put(values: Any, path: str, value: object) -> None:
    *parents, last = path.split(".")
    for part in parents:
        values = values[int(part) if isinstance(values, list) else part]
    values[int(last) if isinstance(values, list) else last] = value


def unshared(values: Any) -> Any:
    """A copy in which what was one object by an alias is several."""
    if isinstance(values, dict):
        return {key: unshared(value) for key, value in values.items()}
    return [unshared(value) for value in values] if isinstance(values, list) else values


# reading


def test_line_is_that_of_the_value_where_an_alias_takes_it_from(reading: Reading) -> None:
    recipe, lines = reading(TEXT), TEXT.splitlines()
    for path, said in (("seed", "seed: 42"), ("callbacks.1.prefix", "!!str 12"), ("micro", "batch: &batch 4")):
        assert said in lines[recipe.line(path) - 1]


@pytest.mark.parametrize("file", [*CONFIGS, *SHIPPED], ids=lambda file: file.name)
def test_values_of_a_real_recipe_are_those_that_mindformers_reads(file: Path) -> None:
    assert Recipe.read(file).values == yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.skipif(not CONTEST.exists(), reason=f"the contest's recipes are not there: {CONTEST}")
def test_all_six_recipes_of_the_contest_are_there() -> None:
    assert len(CONFIGS) == 6


def test_values_are_yaml_1_1_as_for_mindformers(reading: Reading) -> None:
    values = reading("{a: 1e-5, b: yes, c: 0123, d: 1_000, e: 12:30:45, f: 1.e-5, g: '0123'}").values
    assert values == {"a": "1e-5", "b": True, "c": 83, "d": 1000, "e": 45045, "f": 1e-5, "g": "0123"}


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_bytes("\ufeffseed: 1\r\nepochs: 2\r\n".encode())
    recipe = Recipe.read(file)
    assert yaml.safe_load(recipe.render({"seed": 3}, "test")) == {"seed": 3, "epochs": 2}


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.yaml: cannot be read: No such file"):
        Recipe.read(tmp_path / "none.yaml")


def test_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read: Is a directory"):
        Recipe.read(tmp_path)


def test_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes("name: 微调".encode("gbk"))
    with pytest.raises(RecipeError, match=r"recipe\.yaml: is not UTF-8"):
        Recipe.read(tmp_path / "recipe.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected keys with values"),
        ("- seed", "expected keys with values"),
        ("seed", "expected keys with values"),
        ("seed: 1\nepochs: [1, 2\nbatch: 3\n", r"recipe\.yaml:3: no YAML"),
        ("seed: 1\n\tepochs: 2\n", r"recipe\.yaml:2: no YAML"),
        ("seed: 1\n---\nseed: 2\n", r"recipe\.yaml:2: no YAML .*document"),
        ("seed: 1\nepochs: *none\n", r"recipe\.yaml:2: no YAML .*undefined alias 'none'"),
        (
            f"seed: 1\nsize: 0x{'f' * 5000}\n",
            r"recipe\.yaml:2: no YAML .*an integer of 20000 bits, expected at most 1023",
        ),
        ("seed: 1\nname: a\x07b\n", r"recipe\.yaml:2: no YAML: .*0x7"),
        ("seed: 1\nrun: !!python/object/apply:os.getcwd []\n", r"recipe\.yaml:2: no YAML .*could not determine"),
        ("day: 2024-13-41", r"recipe\.yaml: a value cannot be read: month"),
        ("a: &a [*a]", r"recipe\.yaml: expected at most .*write the aliases at a\.0\.0"),
        ("a: " + "[" * 2000, "nested too deeply"),
        ("a: " + "[" * 30 + "]" * 30, "nested at most 20 deep"),
    ],
)
def test_file_that_is_no_recipe_is_refused_with_its_line(reading: Reading, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        reading(text)


def test_aliases_of_aliases_without_end_are_refused(reading: Reading) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(RecipeError, match="expected at most 100,000 values"):
        reading("\n".join(lines))


TWICE = "seed: 1\nmodel:\n  dynamic: True\n  size: 3\n  dynamic: {a: False}\n"


def test_key_that_stands_twice_has_its_last_value_as_in_mindformers(reading: Reading) -> None:
    assert reading(TWICE).values == {"seed": 1, "model": {"dynamic": {"a": False}, "size": 3}}


@pytest.mark.parametrize("path", ["model.dynamic", "model.dynamic.a"])
def test_key_that_stands_twice_can_be_neither_got_nor_set(reading: Reading, path: str) -> None:
    message = r"recipe\.yaml:5: model\.dynamic: the key stands twice, first in line 3; delete one"
    recipe = reading(TWICE)
    with pytest.raises(RecipeError, match=message):
        recipe.get(path)
    with pytest.raises(RecipeError, match=message):
        recipe.render({path: {}}, "test")


def test_beside_a_key_that_stands_twice_others_can_be_set(reading: Reading) -> None:
    assert yaml.safe_load(reading(TWICE).render({"model.size": 4}, "test"))["model"]["size"] == 4


def test_key_that_a_merge_brings_and_the_mapping_has_itself_does_not_stand_twice(reading: Reading) -> None:
    recipe = reading("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\n")
    assert (recipe.get("b.x"), recipe.get("b.y")) == (3, 2)


# paths


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 42),
        ("load_checkpoint", None),
        ("betas", [0.9, 0.999]),
        ("betas.1", 0.999),
        ("callbacks.1.prefix", "12"),
        ("train_dataset_task.dataset_config.data_loader.shuffle", True),
    ],
)
def test_path_leads_through_keys_indices_and_aliases(reading: Reading, path: str, value: object) -> None:
    assert reading(TEXT).get(path) == value


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("learning_rate", "did you mean lr_schedule.learning_rate?"),
        ("lr_schedule.learning_rte", "did you mean lr_schedule.learning_rate"),
        ("lr_schedule.learning_rate.x", "did you mean lr_schedule.learning_rate"),
        ("callbacks.9.prefix", "did you mean callbacks.1.prefix"),
        ("shufle", "did you mean train_dataset.data_loader.shuffle"),
        ("", "its top keys are seed, output_dir"),
        ("qqqqqqqq", "its top keys are seed, output_dir"),
    ],
)
def test_unknown_path_is_told_with_what_may_be_meant(reading: Reading, path: str, meant: str) -> None:
    recipe = reading(TEXT)
    [fault] = recipe.faults([path, "seed"])
    assert fault.startswith(f"{recipe.source}: {path}: there is no such key; {meant}")
    with pytest.raises(RecipeError, match="there is no such key"):
        recipe.get(path)


def test_all_unknown_paths_are_told_at_once(reading: Reading) -> None:
    with pytest.raises(RecipeError, match=r"one: there is no such key(.|\n)*two: there is no such key"):
        reading(TEXT).render({"one": 1, "two": 2}, "test")


def test_key_with_a_dot_and_key_that_is_no_text_have_no_path(reading: Reading) -> None:
    recipe = reading("a.b: 1\n1: 2\na: {b: 3}")
    assert recipe.get("a.b") == 3
    assert len(recipe.faults(["1"])) == 1


# setting


def test_setting_leaves_the_recipe_as_it_is(reading: Reading) -> None:
    recipe = reading(TEXT)
    before = copy.deepcopy(recipe.values)
    assert recipe.set({"train_dataset.batch": 1, "betas": [1]})["betas"] == [1]
    assert recipe.values == before


def test_all_places_that_share_an_anchor_change(reading: Reading) -> None:
    recipe = reading(TEXT)
    for path in ("train_dataset.batch", "train_dataset_task.dataset_config.batch", "micro"):
        loaded = yaml.safe_load(recipe.render({path: 16}, "test"))
        assert loaded["micro"] == loaded["train_dataset"]["batch"] == 16
        assert loaded["train_dataset_task"]["dataset_config"]["batch"] == 16
        assert loaded == recipe.set({path: 16})


def test_key_that_a_merge_brings_is_set_where_it_stands(reading: Reading) -> None:
    recipe = reading("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\n")
    assert yaml.safe_load(recipe.render({"b.y": 5}, "test")) == {"a": {"x": 1, "y": 5}, "b": {"x": 3, "y": 5}}
    assert yaml.safe_load(recipe.render({"a.x": 5}, "test")) == {"a": {"x": 5, "y": 2}, "b": {"x": 3, "y": 2}}


def test_two_paths_to_one_value_may_say_the_same(reading: Reading) -> None:
    assert reading(TEXT).set({"train_dataset.batch": 2, "micro": 2})["micro"] == 2


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"train_dataset.batch": 2, "micro": 3}, "they are one value, by an anchor"),
        ({"train_dataset.batch": 1, "micro": True}, "they are one value, by an anchor"),
        ({"betas": [1], "betas.0": 2}, "the one holds the other"),
        ({"train_dataset_task.dataset_config": {}, "train_dataset.data_loader.shuffle": 1}, "the one holds the other"),
    ],
)
def test_paths_that_contradict_each_other_are_refused(
    reading: Reading, settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(RecipeError, match=f"cannot both be set: {reason}"):
        reading(TEXT).set(settings)


@pytest.mark.parametrize("value", [1, None, "text", [1]])
def test_mapping_is_not_replaced_by_what_has_no_keys(reading: Reading, value: object) -> None:
    with pytest.raises(
        RecipeError, match=r"lr_schedule: .*expected a mapping; set one of its keys: learning_rate, sch"
    ):
        reading(TEXT).render({"lr_schedule": value}, "test")


@pytest.mark.parametrize("value", [(1, 2), [(1, 2)], object(), Path("a"), 1j])
def test_value_that_yaml_has_no_plain_form_for_is_refused(reading: Reading, value: object) -> None:
    with pytest.raises(RecipeError, match="seed"):
        reading(TEXT).render({"seed": value}, "test")


def test_mapping_whose_anchor_is_needed_elsewhere_is_not_replaced(reading: Reading) -> None:
    with pytest.raises(RecipeError, match=r"train_dataset: cannot be set: .*undefined alias 'batch'"):
        reading(TEXT).render({"train_dataset": {"batch": 4}}, "test")


def test_value_that_cannot_be_set_without_changing_others_is_refused(reading: Reading) -> None:
    with pytest.raises(RecipeError, match="a: cannot be set: other values would change, too"):
        reading("a: &a {x: 1}\nb: {<<: *a}\n").render({"a": {"z": 2}}, "test")


# rendering


def body(text: str) -> str:
    return text.split("\n\n", 1)[1]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("seed", 7, "seed: 7  # the answer"),
        ("load_checkpoint", "a.ckpt", "load_checkpoint: a.ckpt   # nothing yet"),
        ("resume", True, "resume: true"),
        ("lr_schedule.learning_rate", 2e-5, "  learning_rate: 2.0e-05"),
        ("betas.1", 0.95, "betas: [0.9, 0.95]   # of AdamW"),
        ("inline.targets", ".*wo", "inline: {rank: 8, targets: '.*wo', none: , on: yes}"),
        ("inline.none", "a, b", "inline: {rank: 8, targets: '.*wq|.*wv', none: 'a, b' , on: yes}"),
        ("micro", 8, "  batch: &batch 8"),
        ("callbacks.1.prefix", "x", "    prefix: x   # a text"),
        ("callbacks.2", {"type": "ObsMonitor"}, "  - {type: ObsMonitor}"),
        ("last", [1, "b"], "last: [1, b]"),
    ],
)
def test_value_is_set_in_its_line_and_all_other_lines_stay(
    reading: Reading, path: str, value: object, line: str
) -> None:
    old, new = TEXT.splitlines(), body(reading(TEXT).render({path: value}, "test")).splitlines()
    assert len(old) == len(new)
    assert [after for before, after in zip(old, new, strict=True) if before != after] == [line]


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("lr_schedule.schedule", "x", '"Cosine \\\n    with warm-up"', "x"),
        ("callbacks.1.note", "x", "|\n      several\n      # lines", "x"),
        ("folded", "x", ">-\n  more\n  lines", "x"),
        ("columns", [], "- input_ids\n# after the first\n- labels", " []"),
        ("lr_schedule", {}, '  learning_rate: 1.e-5\n  # between\n  schedule: "Cosine \\\n    with warm-up"', "  {}"),
    ],
)
def test_value_of_several_lines_is_replaced_and_nothing_around_it(
    reading: Reading, path: str, value: object, old: str, new: str
) -> None:
    assert body(reading(TEXT).render({path: value}, "test")) == TEXT.replace(old, new)


def test_nothing_set_leaves_the_text(reading: Reading) -> None:
    assert reading(TEXT).render({}, "made") == f"# made\n\n{TEXT}"


def test_header_says_what_made_it_and_each_value_as_it_was_and_is(reading: Reading) -> None:
    settings = {"lr_schedule.learning_rate": 1e-4, "seed": 1, "load_checkpoint": "模型/it's.ckpt"}
    assert (
        reading(TEXT)
        .render(settings, "lorasweep 1\n\ntrial 3")
        .startswith(
            "# lorasweep 1\n#\n# trial 3\n# set, as it was -> is:\n"
            "#   seed: 42 -> 1\n"
            "#   load_checkpoint: null -> 模型/it's.ckpt\n"
            "#   lr_schedule.learning_rate: 1.0e-05 -> 0.0001\n\n"
        )
    )


def test_order_of_the_settings_does_not_matter(reading: Reading) -> None:
    settings: dict[str, object] = {"seed": 1, "betas.0": 2, "last": 3}
    backwards = dict(reversed(settings.items()))
    assert reading(TEXT).render(settings, "test") == reading(TEXT).render(backwards, "test")


def test_rendered_recipe_can_be_rendered_again(reading: Reading) -> None:
    again = reading(reading(TEXT).render({"seed": 1}, "first")).render({"seed": 2}, "second")
    assert again.startswith("# second\n# set, as it was -> is:\n#   seed: 1 -> 2\n\n# first\n")
    assert yaml.safe_load(again)["seed"] == 2


@unhurried
@given(made_by=st.text(st.characters(exclude_categories=())))
def test_header_is_harmless_whatever_it_says(reading: Reading, made_by: str) -> None:
    recipe = reading(TEXT)
    rendered = recipe.render({"seed": 1}, made_by)
    assert yaml.safe_load(rendered) == recipe.set({"seed": 1})
    rendered.encode("utf-8")
    assert rendered.endswith(TEXT.split("\n", 2)[2])


WORDS = r"""1e-05 yes No on off ~ null 0123 0o17 0x1F 1_000 12:30:45 2024-01-01 .inf << = .*wq|.*wo --- ... it's C:\d
# *a !t % @ ` | [a {a} , 微调/模型 😀"""
TRAPS = (
    *WORDS.split(),
    "",
    " ",
    "- a",
    "? a",
    "a: b",
    "a #b",
    "&a b",
    'a "b"',
    "a\nb",
    "a\r\n",
    "\ttab",
    "\x85",
    "\ufeff",
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(TRAPS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def same(a: Any, b: Any) -> bool:
    """Equal, with 1, 1.0 and True told apart, and nan equal to itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


LEAVES = [path for path in leaves(yaml.safe_load(TEXT)) if "batch" not in path and path != "micro"]
OWN = [path for path in LEAVES if not path.startswith("train_dataset")]


@unhurried
@given(path=st.sampled_from(OWN), value=VALUES)
def test_any_value_at_any_path_is_read_back_and_nothing_else_changes(
    reading: Reading, path: str, value: object
) -> None:
    expected = yaml.safe_load(TEXT)
    put(expected, path, value)
    rendered = reading(TEXT).render({path: value}, "test")
    rendered.encode("utf-8")
    assert same(yaml.safe_load(rendered), expected)


@unhurried
@given(settings=st.dictionaries(st.sampled_from(OWN), VALUES))
def test_many_values_at_once_are_read_back(reading: Reading, settings: dict[str, object]) -> None:
    expected = yaml.safe_load(TEXT)
    for path, value in settings.items():
        put(expected, path, value)
    assert same(yaml.safe_load(reading(TEXT).render(settings, "test")), expected)


KEYS = st.from_regex(r"[a-z_]{1,4}", fullmatch=True)
RECIPES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
    ),
    min_size=1,
    max_size=4,
)


@unhurried
@given(
    data=st.data(), values=RECIPES, flow=st.sampled_from([None, True, False]), width=st.sampled_from([10, 80, 10**6])
)
def test_recipe_of_any_shape_is_set(
    reading: Reading, data: st.DataObject, values: dict[str, Any], flow: bool | None, width: int
) -> None:
    style = data.draw(st.sampled_from([None, "'", '"', "|", ">"]))
    text = yaml.safe_dump(values, default_flow_style=flow, width=width, default_style=style, sort_keys=False)
    recipe = reading(text)
    paths = list(leaves(recipe.values))
    settings = data.draw(st.dictionaries(st.sampled_from(paths), VALUES, max_size=3) if paths else st.just({}))
    # PyYAML shares equal-looking containers that are one object: hypothesis may make such
    expected = unshared(yaml.safe_load(text))
    for path, value in settings.items():
        put(expected, path, value)
    assert same(yaml.safe_load(recipe.render(settings, "test")), expected)


@pytest.mark.parametrize("file", [*CONFIGS, *SHIPPED], ids=lambda file: file.name)
def test_every_scalar_of_a_real_recipe_can_be_set(file: Path) -> None:
    recipe = Recipe.read(file)
    expected = unshared(yaml.safe_load(file.read_text(encoding="utf-8")))
    settings: dict[str, object] = {}
    for i, path in enumerate(path for path in leaves(expected) if not recipe.faults([path])):
        aliased = path.replace("_task.dataset_config", "")
        settings[path] = settings.get(aliased, i * 1e-7)
        put(expected, path, settings[path])
    assert len(settings) > 80
    assert yaml.safe_load(recipe.render(settings, "test")) == expected
