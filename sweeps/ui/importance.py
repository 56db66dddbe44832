"""How much each parameter decides whether a trial is among the best in an objective."""

from __future__ import annotations

import math
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from sweeps.config import Objective, SweepConfig
from sweeps.results import RUNGS, VALUES

FEWEST = 20
"""Trials below which nothing is said.

Of 15 random searches in which one parameter alone decided, PED-ANOVA put another first in 8 of 8 trials each, in 6 of
10, in one of 15, in none of 20 (``python -m tests.benchmarks.importance``).
"""


def importance(study: optuna.Study, config: SweepConfig) -> dict[str, Any]:
    """Return each parameter's share in reaching the best tenth of the trials, an objective at a time.

    By Optuna's PED-ANOVA (Watanabe et al., "PED-ANOVA: Efficiently quantifying hyperparameter importance in arbitrary
    subspaces", IJCAI 2023). Trials are compared at the lowest rung: all were measured there, what came later is chosen.

    Returns:
        ``rung`` (null: none), ``trials``: how many were compared, ``objectives``: ``metric`` and ``parameters``:
        name -> share; the shares of an objective sum to 1. Empty ``parameters``: too few trials, or all are alike.
    """
    rung = None if config.halving is None else config.halving.at[0]
    measured = [
        (trial, entry[VALUES])
        for trial in study.get_trials(deepcopy=False)
        for entry in trial.user_attrs.get(RUNGS, [])
        if entry["rung"] == rung
    ]
    shares = []
    for objective in config.objectives:
        known = [(trial, v[objective.metric]) for trial, v in measured if math.isfinite(v[objective.metric])]
        shares.append({"metric": objective.metric, "parameters": _shares(config, objective, known)})
    return {"rung": rung, "trials": len(measured), "objectives": shares}


def _shares(
    config: SweepConfig, objective: Objective, known: list[tuple[optuna.trial.FrozenTrial, float]]
) -> dict[str, float]:
    if len(known) < FEWEST or len({value for _, value in known}) < 2:
        return {}
    alone = optuna.create_study(direction=objective.direction)
    alone.add_trials([create_trial(params=t.params, distributions=t.distributions, value=value) for t, value in known])
    by_axis = get_param_importances(alone, evaluator=PedAnovaImportanceEvaluator())
    # a subset is several parameters to Optuna
    axes = {axis: name for name, parameter in config.parameters.items() for axis in parameter.axes(name)}
    shares: dict[str, float] = {}
    for axis, share in by_axis.items():
        name = axes.get(axis, axis)
        shares[name] = shares.get(name, 0.0) + share
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
