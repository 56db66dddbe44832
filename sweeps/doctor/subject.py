"""What is examined: this host, and a sweep where one is named."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from search_spaces.load import Fault, FileFaults, read
from sweeps.config import SweepConfig, load_sweep
from sweeps.doctor import npu_smi
from sweeps.doctor.finding import reason
from sweeps.length import sample
from sweeps.plan import Plan, make_plan
from sweeps.stores import Stores

_OF_A_SWEEP = ("recipe", "parameters", "objectives")


@dataclass(frozen=True)
class Subject:
    """What is examined.

    Attributes:
        stores: where databases, artifacts and trials lie, or are to.
        config: the sweep; None: none is named, or its file is faulty.
        plan: the sweep checked against its recipe and data; None as with ``config``, or these do not go with it.
        faults: all that is wrong with the sweep.
    """

    stores: Stores
    config: SweepConfig | None = None
    plan: Plan | None = None
    faults: tuple[str, ...] = ()

    @classmethod
    def of(cls, file: Path | None, stores: Stores) -> Subject:
        """Read a sweep as far as it can be read.

        Raises:
            FileFaults: the file cannot be read, is no YAML, or none of a sweep.
        """
        if file is None:
            return cls(stores)
        document = read(file)
        if not document.data.keys() & set(_OF_A_SWEEP):
            fault = Fault(file, 0, "", f"is no sweep: it has none of the keys {', '.join(_OF_A_SWEEP)}")
            raise FileFaults([*document.faults(document.problems), fault])
        config = None
        try:
            config, document = load_sweep(file)
            return cls(stores, config, make_plan(config, document, stores))
        except FileFaults as error:
            return cls(stores, config, faults=tuple(map(str, error.faults)))
        except Exception as error:
            # broken data, a file that went away: the other checks are worth having all the same
            return cls(stores, config, faults=(reason(error),))

    @property
    def devices(self) -> tuple[int, ...]:
        """The cards that the sweep names."""
        return () if self.config is None else tuple(self.config.slots.devices)

    @property
    def needs_cards(self) -> bool:
        """Whether this host is to train on cards: it has their driver, and the sweep, if there is one, names some."""
        return npu_smi.installed() and (self.config is None or bool(self.devices))

    @cached_property
    def npus(self) -> npu_smi.Npus:
        """The cards of this host; raises ``NpuSmiError``."""
        return npu_smi.query()

    @property
    def used_chips(self) -> dict[int, npu_smi.Chip]:
        """Device number -> chip, of those that the sweep names and this host has; of all where there is no sweep."""
        return {i: chip for i, chip in enumerate(self.npus.chips) if self.config is None or i in self.devices}

    @cached_property
    def sampled(self) -> list[dict[str, object]]:
        """What configurations all over the space set in the recipe."""
        return [] if self.config is None else sample(self.config)[0]
