"""Several msruns in a row, as one process: on cards the training's, then one for each protocol that is measured.

One process starts them, so that a job stays what it is on CPU: one attempt with one pid, which an orchestrator follows,
kills, or takes up after the one before it died; the msruns go on while nobody looks. Were the orchestrator to start
them itself, a training that ends while there is none would wait for the next one, and every msrun would need an entry
of its own in the ledger before it runs.

The first msrun that fails ends the chain; where the job is done again, it is from that one on, so that a measuring
that fails costs no second training. What they measured is put together when all ended well: the trial's measurement
says that a job is done, as it does where one msrun does everything. Nothing here needs a card; what has not run on one
is msrun itself, and decoding with a key-value cache (``trainer.network.generator``).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from trainer.measurement import Measurement


class Chain(BaseModel):
    """What is run.

    Attributes:
        links: argument list of each msrun that is still to run, in order.
        parts: what each of all msruns measures is written there by its worker.
        total: where all of it is put together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    links: tuple[tuple[str, ...], ...]
    parts: tuple[Path, ...]
    total: Path

    def run(self) -> int:
        """Run the links; returns 0, or the exit code of the first that failed, negative for a signal."""
        for link in self.links:
            code = subprocess.run(link, check=False).returncode
            if code:
                return code
        Measurement.of([Measurement.read(part) for part in self.parts]).write(self.total)
        return 0


def main() -> None:
    """Run the chain given as JSON, and end as its msruns ended, by the same signal if one ended them."""
    code = Chain.model_validate_json(sys.argv[1]).run()
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
