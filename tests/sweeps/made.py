"""Results of sweeps that never ran, for tests of what is shown of them."""

from __future__ import annotations

from evaluation.score import Score
from sweeps.config import Objective
from sweeps.results import Result

OBJECTIVES = (
    Objective(metric="math_accuracy", direction="maximize"),
    Objective(metric="ratio", direction="minimize"),
)


def result(
    number: int | None,
    accuracy: float,
    ratio: float,
    *,
    violation: float = -1.0,
    state: str = "complete",
    **configuration: object,
) -> Result:
    """Make a result; complete and feasible unless told otherwise."""
    complete = state == "complete"
    return Result(
        number=number,
        state=state,
        configuration=configuration,
        values={"math_accuracy": accuracy, "ratio": ratio, "score": accuracy - 100 * ratio} if complete else {},
        scores={"math_accuracy": Score(accuracy, 200, accuracy - 5, accuracy + 5)} if complete else {},
        violations={"f1 >= 0.9 * base.f1": violation} if complete else {},
        reason="" if complete else "ValueError: rank",
    )
