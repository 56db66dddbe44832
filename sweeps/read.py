"""A sweep as it is stored: what ``status``, ``front`` and ``export`` read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sweeps import records
from sweeps.config import SweepConfig
from sweeps.ledger import Ledger
from sweeps.results import Front, Result
from sweeps.stores import StoreError, Stores
from sweeps.study import listed, load_config, load_seconds, load_study, study_names, told
from sweeps.ui.standing import Standing


@dataclass(frozen=True)
class Known:
    """One sweep: its configuration and all that came out so far.

    Attributes:
        results: every trial as it is now.
        measured: every trial at every rung where it was measured.
        spent: ``units`` (epochs, or steps where rungs count these), ``card_seconds``, ``seconds`` so far.
    """

    stores: Stores
    config: SweepConfig
    results: Sequence[Result]
    measured: Sequence[Result]
    base: Result | None
    front: Front
    spent: Mapping[str, float]

    @classmethod
    def open(cls, stores: Stores, name: str | None) -> Known:
        """Read the sweep ``name``; None: the only one there.

        Raises:
            StoreError: there is no such sweep, or no name was given and there are several.
        """
        name = name_in(stores, name)
        with told(stores.study_url):
            study = load_study(name, stores.study_url)
            config, trials = load_config(study), study.get_trials(deepcopy=False)
            now = Standing.of(config, trials, study.user_attrs, ())
            ledger = Ledger(stores.study_url, name)
            cards = ledger.card_seconds()
            ledger.close()
            spent = {"units": records.units_of(trials), "card_seconds": cards, "seconds": load_seconds(study)}
            return cls(stores, config, now.results, now.measured, now.base, now.front, spent)

    def as_json(self, chosen: Sequence[Result]) -> dict[str, object]:
        """Return ``chosen`` with what a script needs to read them."""
        knee = self.front.knee
        # not the whole result: its state changes where the trial goes on, or fails above
        on_front = {(result.number, result.rung) for result in self.front.results}
        return {
            "sweep": self.config.name,
            "objectives": [objective.model_dump() for objective in self.config.objectives],
            "base": None if self.base is None else dict(self.base.values),
            "knee": None if knee is None else knee.number,
            "spent": dict(self.spent),
            "trials": [
                {
                    "number": result.number,
                    "state": result.state,
                    "rung": result.rung,
                    "feasible": result.feasible,
                    "front": (result.number, result.rung) in on_front,
                    "configuration": dict(result.configuration),
                    "values": dict(result.values),
                    "scores": {metric: asdict(score) for metric, score in result.scores.items()},
                    "violations": dict(result.violations),
                    "reason": result.reason,
                    "imported": result.imported,
                }
                for result in chosen
            ],
        }


def name_in(stores: Stores, name: str | None) -> str:
    """Return ``name``; None: that of the only sweep there.

    Raises:
        StoreError: no sweep was started, or no name was given and there are several.
    """
    stores.check()
    if name is not None:
        return name
    names = study_names(stores.study_url)
    if len(names) != 1:
        known = listed(names) or "there is none yet"
        raise StoreError(f"{stores.study_file or stores.root}: name one of the sweeps: {known}")
    return names[0]
