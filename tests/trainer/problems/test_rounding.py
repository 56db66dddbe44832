from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.math import answer, is_correct
from tests.trainer.problems.equations import needs_data, questions
from trainer.problems import rounded
from trainer.problems.numbers import final_number


@pytest.mark.parametrize(
    ("solution", "decimals", "expected"),
    [
        ("183.94^5 = 210562442992.2269624224", 2, "183.94^5 = 210562442992.23"),
        ("方程的解为：0.5128205128205128", 3, "方程的解为：0.513"),
        ("函数的值为：2.854155448324274205322988364E+85", 2, "函数的值为：2.85E+85"),
        ("平均值为 58.0", 2, "平均值为 58.0"),
        ("面积为 348 平方厘米", 0, "面积为 348 平方厘米"),
        ("The average is 43.166666666666664.", 1, "The average is 43.2."),
        ("最简化的形式为：5/6", 1, "最简化的形式为：5/6"),
        ("-462.5", 0, "-462"),
        ("0.125", 2, "0.12"),
        ("0.375", 2, "0.38"),
        ("-0.004", 2, "0.00"),
        ("0.00000012345", 8, "0.00000012"),
        ("so $x = 3.14159$ is \\boxed{3.14159}.", 2, "so $x = 3.14159$ is \\boxed{3.14}."),
    ],
)
def test_final_number_is_rounded_half_to_even(solution: str, decimals: int, expected: str) -> None:
    assert rounded(solution, decimals) == expected


@pytest.mark.parametrize(
    "solution", ["", "none", "7\\sqrt{5}", "\\boxed{7\\sqrt{5}}", "\\boxed{1}, \\boxed{2}", "1, 2"]
)
def test_solution_without_one_final_number_is_not_rounded(solution: str) -> None:
    assert rounded(solution, 2) is None


def test_negative_decimals_are_refused() -> None:
    with pytest.raises(ValueError, match="decimals >= 0 must hold, but got -1"):
        rounded("1.5", -1)


@needs_data
def test_final_number_of_a_real_solution_is_the_one_that_is_graded() -> None:
    found = 0
    for question in questions():
        if (match := final_number(question["solution"])) is not None:
            graded = answer(question["solution"])
            assert graded is not None
            assert [number.value for number in graded.numbers] == [Decimal(match["number"])]
            found += 1
    assert found == 1983  # the other 9 are boxed roots, fractions, points and degrees


@needs_data
def test_seven_significant_digits_of_a_real_solution_are_right() -> None:
    for question in questions():
        match = final_number(question["solution"])
        if match is not None and abs(Decimal(match["mantissa"])) >= 1:
            text = rounded(question["solution"], 6)
            assert text is not None
            assert is_correct(text, question["solution"])


@given(st.decimals(-(10**9), 10**9, allow_nan=False), st.integers(0, 9))
def test_rounding_errs_by_half_a_unit_at_most(number: Decimal, decimals: int) -> None:
    text = rounded(f"{number:f}", decimals)
    assert text is not None
    assert abs(Decimal(text) - number) <= Decimal(5).scaleb(-decimals - 1)
