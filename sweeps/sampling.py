"""The tuner of a sweep: fed with what the study holds, and put to Optuna as a sampler."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search_spaces.distributions import OptunaValue
from sweeps import records
from sweeps import study as studies
from sweeps.fidelity import EPOCHS
from sweeps.plan import Plan
from sweeps.results import CANCELLED, CONFIGURATION, Result, base_result, measurements
from sweeps.tuner import Tuner

Params = Mapping[str, OptunaValue]


class TunerSampler(BaseSampler):
    """Gives Optuna's trials the configurations that a tuner proposes; what is enqueued comes before."""

    def __init__(self, tuner: Tuner) -> None:
        self._tuner = tuner
        self._proposed: tuple[int, Params] = (-1, {})

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: a proposal is whole, but conditions decide which of its parameters are asked for."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing, see ``infer_relative_search_space``."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return the parameter's value in the trial's proposal."""
        if self._proposed[0] != trial.number:
            self._proposed = (trial.number, self._tuner.propose(trial.number))
        return self._proposed[1][param_name]


def make_tuner(plan: Plan, study: optuna.Study) -> Tuner:
    """Return the tuner of a sweep as far as it got, and have the study choose configurations by it, if it is to."""
    config = plan.config
    tuner = Tuner(
        config.space,
        [objective.direction == "maximize" for objective in config.objectives],
        known_objectives(plan),
        _rungs(plan),
        3.0 if config.halving is None else config.halving.eta,
        config.seed,
        startup=config.sampler.startup_trials,
        model=config.sampler.type == "ehvi",
        priors=config.enqueued_params(),
    )
    for trial in study.get_trials(deepcopy=False):
        # not by its params: a process may have ended between two of them
        if (configuration := trial.user_attrs.get(CONFIGURATION)) is not None:
            tuner.start(trial.number, config.space.encode(configuration))
    for result in measurements(study):
        report(tuner, plan, study, result)
    for trial in study.get_trials(deepcopy=False):
        rung = records.target(trial)
        # before it fails or is forgotten
        if rung is not None:
            tuner.promote(trial.number, tuner.rungs.index(rung))
        if trial.user_attrs.get(CANCELLED):
            tuner.forget(trial.number)
        elif trial.state is TrialState.FAIL:
            tuner.fail(trial.number)
    # of a sweep that goes on: later this is done while launches run
    tuner.learn()
    ours = config.sampler.type in ("ehvi", "random")
    study.sampler = TunerSampler(tuner) if ours else studies.optuna_sampler(config, len(study.trials))
    return tuner


def _rungs(plan: Plan) -> tuple[int, ...]:
    """Return the rungs; without halving the length of a training, 1 where trials differ in it."""
    if plan.config.halving is not None:
        return plan.config.halving.at
    return (1,) if plan.config.space.influencing(lambda path: path == EPOCHS) else (plan.units({}, None),)


def report(tuner: Tuner, plan: Plan, study: optuna.Study, result: Result) -> None:
    """Tell the tuner what was measured."""
    rung = 0 if result.rung is None else tuner.rungs.index(result.rung)
    values = [result.values[objective.metric] for objective in plan.config.objectives]
    excused: Mapping[str, float] = result.violations if result.excused is None else result.excused
    base = base_result(study)
    bounds = {} if base is None else {gate.label: gate.limit(base.values) for gate in plan.config.gates}
    tuner.report(
        result.number or 0,
        rung,
        values,
        list(result.violations.values()),
        [excused[gate] for gate in result.violations],
        [bounds.get(gate, math.nan) for gate in result.violations],
    )


def known_objectives(plan: Plan) -> Callable[[Params], Mapping[int, float]]:
    """Return the function params -> index of an objective -> its value, for objectives that follow from the recipe."""
    objectives: Sequence[str] = [objective.metric for objective in plan.config.objectives]
    space = plan.config.space
    names = space.influencing(lambda path: path.startswith("model."))
    axes = [axis for name in names for axis in space.parameters[name].axes(name)]
    cache: dict[tuple[object, ...], Mapping[int, float]] = {}

    def known(params: Params) -> Mapping[int, float]:
        shape = tuple([params.get(axis) for axis in axes])
        if shape not in cache:
            values = plan.known_values(space.settings(params))
            cache[shape] = {i: values[metric] for i, metric in enumerate(objectives) if metric in values}
        return cache[shape]

    return known
