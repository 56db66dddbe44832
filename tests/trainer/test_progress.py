from __future__ import annotations

import pytest

from trainer.progress import Progress


def test_says_how_far_it_is_at_first_then_every_thirty_seconds_and_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    progress = Progress("math_contest", 40, lambda: now)
    for done in range(0, 40, 4):
        progress(done)
        now += 10
    progress(40)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"math_contest: {done} of 40 items decoded" for done in (0, 12, 24, 36, 40)]
