from __future__ import annotations

from collections import Counter
from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.trainer.problems.equations import check, holds, needs_data, questions, value
from trainer.problems import KINDS, generate, kind_of, rounded, steps
from trainer.problems.numbers import final_number

WITH_STEPS = [kind for kind in KINDS if kind not in ("square_roots", "function_values")]


@needs_data
def test_real_questions_are_worked_out_by_true_equations() -> None:
    worked: Counter[str] = Counter()
    for question in questions():
        if (text := steps(**question)) is not None:
            check(text, **question)
            worked[kind_of(question["problem"])] += 1
    assert worked == {
        "four_operations": 1302,
        "linear_equations": 145,
        "powers": 142,
        "averages": 71,
        "areas": 31,
        "discounts": 22,
        "sales": 22,
    }


@needs_data
@pytest.mark.parametrize("decimals", [0, 2, 6])
def test_rounded_real_solutions_are_worked_out_as_often(decimals: int) -> None:
    worked = 0
    for question in questions():
        solution = rounded(question["solution"], decimals)
        if solution is not None and (text := steps(question["problem"], solution)) is not None:
            check(text, question["problem"], solution)
            worked += 1
    assert worked == 1735


@needs_data
def test_real_solution_with_another_number_is_not_worked_out() -> None:
    wrong = 0
    for question in questions():
        if kind_of(question["problem"]) in WITH_STEPS:
            match = final_number(question["solution"])
            assert match is not None
            number = Decimal(match["number"])
            for other in (number + 1, number - 1, *[-number] * bool(number)):
                assert steps(question["problem"], str(other)) is None
                wrong += 1
            assert steps(question["problem"], str(number)) is not None
    assert wrong > 5000


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", WITH_STEPS)
@given(seed=st.integers(0, 2**32))
def test_generated_problem_is_worked_out_by_true_equations(kind: str, language: str, seed: int) -> None:
    for row in generate({kind: 1}, language, 5, seed):
        text = steps(row["problem"], row["solution"])
        assert text is not None
        check(text, row["problem"], row["solution"])


@pytest.mark.parametrize("kind", ["square_roots", "function_values"])
def test_kind_without_steps_has_none(kind: str) -> None:
    assert [steps(row["problem"], row["solution"]) for row in generate({kind: 1}, "zh", 5, 0)] == [None] * 5


_NUMBERS = st.decimals(-99, 99, places=2).map(str) | st.integers(-9, 99).map(str)
_EXPRESSIONS = st.recursive(
    st.tuples(_NUMBERS, st.sampled_from("+-*/"), _NUMBERS).map(" ".join),
    lambda inner: st.tuples(
        _NUMBERS | inner.map("({})".format), st.sampled_from("+-*/"), _NUMBERS | inner | inner.map("({})".format)
    ).map(" ".join),
    max_leaves=4,
)


@given(_EXPRESSIONS)
def test_several_operations_and_brackets_are_worked_out_in_order(expression: str) -> None:
    try:
        exact = value(expression)
    except ZeroDivisionError:
        assert steps(f"What is {expression}?", "0") is None
        return
    solution = str(Context(prec=28).divide(Decimal(exact.numerator), Decimal(exact.denominator)))
    text = steps(f"What is {expression}?", solution)
    assume(text is not None)  # a quotient that does not end, before the last operation
    assert text is not None
    assert all(holds(line) for line in text.split("\n")[:-1])
    assert abs(Fraction(text.rpartition(" ")[2]) - exact) <= abs(exact) / 10**27


def test_brackets_come_first_then_multiplication() -> None:
    assert steps("计算 2 + 3 * (4 - 1) 等于多少？", "11") == (
        "2 + 3 * (4 - 1) = 2 + 3 * 3\n2 + 3 * 3 = 2 + 9\n2 + 9 = 11\n答案是 11"
    )


def test_product_is_worked_out_digit_by_digit() -> None:
    assert steps("What is -12.5 * 30.2?", "-377.50") == (
        "-12.5 * 30.2 = -(12.5 * 30.2)\n12.5 * 30 = 375\n12.5 * 0.2 = 2.5\n375 + 2.5 = 377.5\nThe answer is -377.50"
    )


def test_quotient_is_a_long_division_to_one_digit_more_than_is_shown() -> None:
    assert steps("计算 5 / -0.7 等于多少？", "-7.142857142857142857142857143") == (
        "5 / -0.7 = -(5 / 0.7)\n5 / 0.7 = 50 / 7\n50 = 7 * 7 + 1\n10 = 7 * 1 + 3\n30 = 7 * 4 + 2\n20 = 7 * 2 + 6\n"
        "60 = 7 * 8 + 4\n40 = 7 * 5 + 5\n50 = 7 * 7 + 1\n10 = 7 * 1 + 3\n50 / 7 ≈ 7.142857\n"
        "答案是 -7.142857142857142857142857143"
    )


@pytest.mark.parametrize(
    ("problem", "solution"),
    [
        ("计算 5 / 0 等于多少？", "0"),
        ("计算 1 / 3 + 2 等于多少？", "2.333333333333333333333333333"),
        ("计算 2 + 3 * (4 - 1 等于多少？", "11"),
        ("解方程 0x + 5 = 0", "0"),
        ("计算 2.5 的 100 次方？", "6223015277861141707144064053780124240590252168721.2"),
        ("将分数 6/0 进行简化。", "最简化的形式为：6/0"),
        ("将分数 6/8 进行简化。", "最简化的形式为：6/8"),
        ("计算 2 + 3 等于多少？", "five"),
        ("计算 2 + 3 等于多少？", ""),
        ("How many apples?", "5"),
    ],
)
def test_what_cannot_be_worked_out_has_no_steps(problem: str, solution: str) -> None:
    assert steps(problem, solution) is None
