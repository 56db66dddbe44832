"""The contest's scores by the formulas that are shipped: from official accuracies and our count of the parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.score import Score
from sweeps.config import load_sweep
from sweeps.plan import Plan
from sweeps.training_data import Contents
from trainer.measurement import Measurement
from trainer.recipe import Recipe

PET = "model.model_config.pet_config"
SHIPPED = Path(__file__).parents[2] / "search_spaces"
USER_FILES = (
    *("llama3-8B.ckpt", "math_train.jsonl", "math_test.jsonl", "squad_dev.json"),
    *("internlm.ckpt", "mmlu_train.json", "mmlu_test.json"),
)
QV, QVO, QKVO = ".*wq|.*wv", ".*wq|.*wv|.*wo", ".*wq|.*wk|.*wv|.*wo"
# place, rank, target modules, trainable parameters, accuracy in percent, score
STAGE_1 = [
    (1, 64, QKVO, 54_525_952, 71.61, 0.79923),
    (2, 16, QKVO, 13_631_488, 70.59, 0.79362),
    (3, 8, QV, 3_407_872, 64.00, 0.74787),
    (4, 8, QV, 3_407_872, 61.54, 0.73065),
    (5, 8, QV, 3_407_872, 51.38, 0.65953),
    (6, 8, QV, 3_407_872, 48.20, 0.63727),
    (7, 16, QV, 6_815_744, 45.54, 0.61853),
    # its YAML says rank 16 on wq, wk, wv and wo, its official score fits rank 8 on wq and wv
    (8, 8, QV, 3_407_872, 41.56, 0.59079),
    (9, 8, QV, 3_407_872, 36.44, 0.55495),
    (10, 8, QV, 3_407_872, 33.56, 0.53479),
    (11, 8, QV, 3_407_872, 32.05, 0.52422),
    (12, 12, QV, 5_111_808, 30.10, 0.51051),
    (13, 8, QV, 3_407_872, 30.04, 0.51015),
    (14, 8, QV, 3_407_872, 29.87, 0.50896),
    (15, 4, QV, 1_703_936, 27.74, 0.49412),
    (16, 8, QV, 3_407_872, 27.55, 0.49272),
    (17, 8, QV, 3_407_872, 26.00, 0.48187),
    (18, 8, QVO, 5_505_024, 25.64, 0.47927),
    (19, 8, QV, 3_407_872, 23.55, 0.46472),
    (20, 8, QV, 3_407_872, 22.40, 0.45667),
]


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plan]:
    """The shipped sweeps of both stages, beside empty files of the names that they want."""
    folder = tmp_path_factory.mktemp("sweeps")
    (folder / "tokenizer").mkdir()
    for name in USER_FILES:
        (folder / name).touch()
    found = {}
    for name in ("llama3_8b_math", "internlm_7b_mmlu"):
        file = folder / f"{name}.yaml"
        file.write_text((SHIPPED / file.name).read_text(encoding="utf-8"), encoding="utf-8")
        config, _ = load_sweep(file)
        found[name] = Plan(config, Recipe.read(config.recipe), folder, folder, Contents({}), {}, {})
    return found


def measured(plan: Plan, rank: int, targets: str, metric: str, percent: float) -> dict[str, float]:
    """Return all metrics of a trial of these settings and this accuracy, as the sweep computes them."""
    measurement = Measurement(scores={metric: Score(percent, 1, 0.0, 100.0)}, seconds={}, versions={})
    return plan.values(measurement, {f"{PET}.lora_rank": rank, f"{PET}.target_modules": targets}, 0.0, None)


@pytest.mark.parametrize(("place", "rank", "targets", "trainable", "accuracy", "score"), STAGE_1)
def test_official_score_of_stage_1_is_reproduced_to_its_last_digit(
    plans: dict[str, Plan], place: int, rank: int, targets: str, trainable: int, accuracy: float, score: float
) -> None:
    values = measured(plans["llama3_8b_math"], rank, targets, "math_accuracy", accuracy)
    assert (values["trainable"], round(values["score"], 5)) == (trainable, score), f"place {place}"


def test_stage_2_weighs_the_ratio_ten_times(plans: dict[str, Plan]) -> None:
    # the mission's report: 4,194,304 / 7,321,000,000, 99.30 %; its score was not published
    values = measured(plans["internlm_7b_mmlu"], 8, ".*wk|.*wo", "choice_accuracy", 99.30)
    assert values["ratio"] == pytest.approx(0.000572914082775577, rel=1e-15)
    assert values["score"] == pytest.approx((1 - 0.00572914082775577) * 0.3 + 0.993 * 0.7)
