from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.items import READERS, Item
from evaluation.protocols import METRICS, Evaluation, evaluate
from evaluation.score import score

PAIRS = Path(__file__).parents[3] / "shared/data/contest/emf1_pairs_baseline.json"
SQUAD = [
    Item({"passage": "p", "question": "who?"}, ("Denver Broncos", "Broncos")),
    Item({"passage": "p", "question": "when?"}, ("2016",)),
]
MATH = [
    Item({"problem": "1 + 1?"}, ("1 + 1 = 2",), "en"),
    Item({"problem": "1 + 2?"}, ("1 + 2 = 3",), "zh"),
    Item({"problem": "1 + 3?"}, ("1 + 3 = 4",), "zh"),
    Item({"problem": "1 + 4?"}, ("1 + 4 = 5",)),
]
CHOICE = [
    Item({"instruction": "Choose.", "input": "A.x"}, ("The right option is A.",), "law"),
    Item({"instruction": "Choose.", "input": "A.y"}, ("The right option is B.",), "law"),
]


def values(evaluation: Evaluation) -> dict[str, float]:
    return {name: metric.value for name, metric in evaluation.metrics.items()}


def test_squad_gives_the_contests_values_and_the_official_ones() -> None:
    # the contest takes the first answer, the official script the best one
    assert values(evaluate("squad_contest", SQUAD, ["Broncos", ""])) == {
        "f1": pytest.approx(25.0),
        "em": 0.0,
        "squad_f1": 50.0,
        "squad_em": 50.0,
        "squad_blank": 50.0,
    }


def test_squad_v1_gives_the_official_values_beside_those_of_the_contest() -> None:
    assert values(evaluate("squad_v1", SQUAD, ["Broncos", ""])) == {
        "squad_v1_f1": 50.0,
        "squad_v1_em": 50.0,
        "squad_v1_blank": 50.0,
    }


def test_math_gives_its_accuracy_and_that_of_every_kind() -> None:
    assert values(evaluate("math_contest", MATH, ["2", "1 + 2 = 3", "-4", " \n"])) == {
        "math_accuracy": 50.0,
        "math_blank": 25.0,
        "math_accuracy/en": 100.0,
        "math_accuracy/zh": 50.0,
    }


def test_choice_gives_its_accuracy_and_that_of_every_kind() -> None:
    assert values(evaluate("multiple_choice", CHOICE, ["A", "C. z"])) == {
        "choice_accuracy": 50.0,
        "choice_blank": 0.0,
        "choice_accuracy/law": 50.0,
    }


def test_kind_is_scored_over_its_own_items() -> None:
    assert evaluate("math_contest", MATH, ["2", "3", "-4", ""]).metrics["math_accuracy/zh"] == score([100.0, 0.0])


@pytest.mark.parametrize(
    ("protocol", "item"),
    [
        ("squad_contest", SQUAD[0]),
        ("squad_v1", SQUAD[0]),
        ("math_contest", MATH[3]),
        ("multiple_choice", CHOICE[0]),
    ],
)
def test_protocol_always_gives_the_metrics_that_it_declares(protocol: str, item: Item) -> None:
    metrics = evaluate(protocol, [Item(item.fields, item.answers)], [""]).metrics
    assert tuple(metrics) == METRICS[protocol]


def test_every_reader_has_its_protocol_and_no_metric_is_declared_twice() -> None:
    assert METRICS.keys() == READERS.keys()
    names = [name for metrics in METRICS.values() for name in metrics]
    assert len(names) == len(set(names))


def test_verdict_is_a_line_of_json_with_all_of_its_item() -> None:
    evaluation = evaluate("math_contest", MATH, ["2", "3", "-4", ""])
    assert [verdict.item for verdict in evaluation.verdicts] == MATH
    assert json.loads(json.dumps(evaluation.verdicts[2].as_dict())) == {
        "fields": {"problem": "1 + 3?"},
        "answers": ["1 + 3 = 4"],
        "kind": "zh",
        "prediction": "-4",
        "values": {"math_accuracy": 0.0, "math_blank": 0.0},
    }


@pytest.mark.parametrize("predictions", [["2"], ["2"] * 5])
def test_other_number_of_predictions_is_refused(predictions: list[str]) -> None:
    with pytest.raises(ValueError, match="zip"):
        evaluate("math_contest", MATH, predictions)


def test_no_items_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        evaluate("math_contest", [], [])


@pytest.mark.skipif(not PAIRS.exists(), reason=f"the real pairs are not there: {PAIRS}")
def test_base_llama3_has_the_f1_em_and_blanks_of_its_real_log() -> None:
    rows = json.loads(PAIRS.read_text(encoding="utf-8"))
    items = [Item({"passage": "", "question": ""}, (row["label"],)) for row in rows]
    metrics = evaluate("squad_contest", items, [row["pred"] for row in rows]).metrics
    assert (metrics["f1"].value, metrics["em"].value) == (59.87023775108988, 44.17029511369134)
    assert metrics["squad_blank"].value == pytest.approx(100 * 195 / 2067)
