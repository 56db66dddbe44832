from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.weights import Stored, Weight, WeightsError


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_what_a_type_holds_is_as_it_was(dtype: str) -> None:
    values = np.array([[0.0, -0.0, 1.0], [-1.5, 0.15625, np.inf]], np.float32)
    np.testing.assert_array_equal(Weight.of(values, dtype).floats(), values)


@pytest.mark.parametrize(
    ("bits", "rounded"),
    [
        (0x3F808000, 0x3F80),  # halfway between 1.0 and the next: to the even one
        (0x3F818000, 0x3F82),  # halfway, and the even one is above
        (0x3F808001, 0x3F81),
        (0x3F807FFF, 0x3F80),
        (0x7F7FFFFF, 0x7F80),  # the largest float32 becomes infinite
        (0xBF808001, 0xBF81),
        (0x7F800001, 0x7FC0),  # a NaN stays one
    ],
)
def test_bfloat16_is_rounded_to_nearest_even(bits: int, rounded: int) -> None:
    values = np.array([bits], np.uint32).view(np.float32)
    assert Weight.of(values, "BF16").data == rounded.to_bytes(2, "little")


def test_bytes_that_do_not_make_the_shape_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"BF16 of shape \(2, 3\): has 10 bytes, expected 12"):
        Weight("BF16", (2, 3), bytes(10))


def test_integers_are_not_computed_with() -> None:
    with pytest.raises(WeightsError, match="is of type I8, expected one of F32, F16, BF16"):
        Weight("I8", (1,), b"1").floats()


def test_weight_in_pieces_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"--ab----cd")
    assert Stored(tmp_path / "file", "I8", (4,), ((2, 2), (8, 2))).read().data == b"abcd"
