"""From how many trials on importance can be believed: ``python -m tests.benchmarks.importance``.

Random searches in which the rank alone decides an objective, beside a rate and the choice of modules; prints in how
many of them PED-ANOVA puts another parameter first.
"""

from __future__ import annotations

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

STUDIES = 15
TRIALS = (8, 10, 15, 20, 30, 40)


def decided_by_rank(trial: optuna.Trial) -> float:
    """Return a value that the rank alone decides."""
    trial.suggest_float("learning_rate", 1e-5, 1e-3, log=True)
    for module in ("wq", "wk", "wv", "wo"):
        trial.suggest_categorical(module, [False, True])
    return float(trial.suggest_int("lora_rank", 1, 64, log=True))


def is_first(trials: int, seed: int) -> bool:
    """Whether the rank comes first after so many trials."""
    study = optuna.create_study(direction="minimize", sampler=optuna.samplers.RandomSampler(seed))
    study.optimize(decided_by_rank, n_trials=trials)
    return next(iter(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator()))) == "lora_rank"


def main() -> None:
    """Measure."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for trials in TRIALS:
        wrong = sum(not is_first(trials, seed) for seed in range(STUDIES))
        print(f"{trials} trials: another parameter first in {wrong} of {STUDIES}")


if __name__ == "__main__":
    main()
