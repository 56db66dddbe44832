"""Training from one rung of a trial to the next, as a callback, with a checkpoint at evenly spaced steps.

Gives what training in one go does: the learning-rate schedule reaches over the recipe's whole training, the optimizer
goes on with its moments and counters, the data set skips what was seen (see ``Session.train``), steps are counted on.
MindFormers' own ``resume_training`` does that from checkpoints that hold the frozen base as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mindspore.train import Callback

from trainer import network
from trainer.checkpoints import checkpoint, due
from trainer.job import Until
from trainer.state import StateError, TrainingState, save_whole


class Rung(Callback):  # type: ignore[misc]
    """Puts the last rung's state in when training begins, stops it at this rung, and takes its state out.

    Args:
        epochs: of the whole training, as the recipe says.
        until: where to stop; None: at the recipe's end.
        resumed: where to go on; None: from the base.
        checkpoints: folder for the adapter at evenly spaced steps of the whole training; None: this worker writes none.

    Attributes:
        steps: done since the start of the training.
        state: what the next rung goes on from; None before the end of this one, and at the recipe's end.
    """

    def __init__(
        self, epochs: int, until: Until | None, resumed: TrainingState | None, checkpoints: Path | None
    ) -> None:
        super().__init__()
        self.steps = 0 if resumed is None else resumed.steps
        self.state: TrainingState | None = None
        self._epochs, self._until, self._resumed, self._checkpoints = epochs, until, resumed, checkpoints
        self._first = self.steps
        self._steps_per_epoch = self._end = self._stop = 0
        self._parameters: list[Any] = []

    def on_train_begin(self, run_context: Any) -> None:
        """Work out where to stop, and put the last rung's state in; raises ``StateError`` where it does not fit."""
        params = run_context.original_args()
        self._steps_per_epoch = params.train_dataset.get_dataset_size()
        self._set_ends(params.batch_num if params.dataset_sink_mode else 1)
        self._parameters = network.changing_parameters(params.train_network)
        if self._resumed is not None:
            shapes = {parameter.name: tuple(parameter.shape) for parameter in self._parameters}
            self._resumed.check_fits(self._steps_per_epoch, self._epochs, self._stop, shapes)
            network.put(self._parameters, self._resumed.arrays)
            params.cur_step_num, self._resumed = self._first, None

    def _set_ends(self, sunk: int) -> None:
        """Set the last step of the whole training and of this rung; steps are done ``sunk`` at a time."""
        whole = self._epochs * self._steps_per_epoch
        # steps that would not fill the last sink are not trained
        self._end = whole - whole % sunk
        rung = whole if self._until is None else self._until.steps(self._steps_per_epoch)
        if rung > whole:
            raise StateError(f"the rung is at step {rung}, expected at most {whole}, the recipe's last step")
        if rung < whole and rung % sunk:
            raise StateError(f"runner_config.sink_size is {sunk}, expected a divisor of the rung's step {rung}")
        self._stop = min(rung, self._end)

    def on_train_epoch_begin(self, run_context: Any) -> None:
        """Count epochs on: MindSpore counts this launch's, and calls each sink one."""
        params = run_context.original_args()
        params.cur_epoch_num += self._first // params.batch_num

    def on_train_step_end(self, run_context: Any) -> None:
        """Write a checkpoint where one is due; stop at the rung.

        At the last rung as well: MindSpore would train all epochs from the resumed step on.
        """
        params = run_context.original_args()
        before, self.steps = self.steps, params.cur_step_num
        if self._checkpoints is not None and due(self._end, before, self.steps):
            weights = network.adapter_weights(params.train_network.network)
            save_whole(checkpoint(self._checkpoints, self.steps), weights)
        if self.steps >= self._stop:
            run_context.request_stop()

    def on_train_end(self, run_context: Any) -> None:
        """Take the state out, and let go of the network; raises ``StateError`` where training ended elsewhere."""
        parameters, self._parameters = self._parameters, []
        if self._until is not None and self.steps != self._stop:
            raise StateError(f"training ended at step {self.steps}, expected the rung's step {self._stop}")
        if self._until is not None and self.steps < self._end:
            arrays = network.take(parameters)
            self.state = TrainingState("", self.steps, self._steps_per_epoch, self._epochs, arrays)
