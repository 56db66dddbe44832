from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.problems.equations import needs_data, questions
from trainer.problems import KINDS, SHARES, kind_of, rounded, steps
from trainer.problems.kinds import TABLE


def test_kinds_are_the_eleven_and_may_name_metrics() -> None:
    assert len(KINDS) == len(set(KINDS)) == 11
    assert all(re.fullmatch(r"[a-z_]+", kind) for kind in KINDS)


def test_shares_add_up_to_the_chinese_rows_of_the_contest() -> None:
    assert sum(SHARES.values()) == 538_949


@needs_data
def test_every_real_question_has_its_kind_but_the_english_ones() -> None:
    counts = Counter(kind_of(question["problem"]) for question in questions())
    assert counts == {
        "four_operations": 1302,
        "linear_equations": 145,
        "powers": 142,
        "square_roots": 141,
        "function_values": 72,
        "averages": 71,
        "areas": 31,
        "discounts": 22,
        "sales": 22,
        "": 44,
    }
    unknown = [q["problem"] for q in questions() if not kind_of(q["problem"])]
    assert not any(re.search("[一-龥]", problem) for problem in unknown)


@needs_data
def test_real_questions_are_of_the_kinds_in_the_contest_s_proportions() -> None:
    counts = Counter(kind_of(question["problem"]) for question in questions())
    known = counts.total() - counts[""]
    for kind, rows in SHARES.items():
        share = rows / sum(SHARES.values())
        deviation = (known * share * (1 - share)) ** 0.5
        assert abs(counts[kind] - known * share) < 3 * deviation + 0.5, kind


@needs_data
def test_all_1948_real_questions_of_a_kind_are_solved_and_written_digit_for_digit() -> None:
    same = 0
    for question in questions():
        if kind := kind_of(question["problem"]):
            parsed = TABLE[kind].parse(question["problem"])
            assert parsed is not None
            assert TABLE[kind].question(*parsed) == question["problem"]
            assert TABLE[kind].solution(*parsed) == question["solution"]
            same += 1
    assert same == 1948


# published by participants of the contest; the sample has neither of these kinds
@pytest.mark.parametrize(
    ("problem", "solution", "kind"),
    [
        ("将分数 5/6 进行简化。", "最简化的形式为：5/6", "fractions"),
        ("某物体的密度为 10 克/立方厘米，体积为 3 立方厘米，请计算该物体的质量。", "30 克", "mass"),
    ],
)
def test_rare_kinds_as_published(problem: str, solution: str, kind: str) -> None:
    parsed = TABLE[kind].parse(problem)
    assert kind_of(problem) == kind
    assert parsed is not None
    assert TABLE[kind].solution(*parsed) == solution


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (" 计算  1.5+2 等于多少? ", "four_operations"),
        ("计算 (1 + 2) * 3 等于多少？", "four_operations"),
        ("What is 2 + 3?", "four_operations"),
        ("What is the square root of 2.00", "square_roots"),
        ("解方程 3x + -5 = 0。", "linear_equations"),
        ("解方程 3x + 5 = 7", ""),
        ("What is 5?", ""),
        ("计算 -1.00 的平方根？", ""),
        ("计算 1 + 2 等于多少？计算 3 + 4 等于多少？", ""),
        ("", ""),
    ],
)
def test_kind_of_what_differs_a_little(problem: str, kind: str) -> None:
    assert kind_of(problem) == kind


TEXTS = st.text("计算等于多少？的平方根次解程当时求函数值 x=^[],%.-+*/()0123456789Ee\\{}boxed\nWhatis为是", max_size=60)


@given(TEXTS, TEXTS, st.sampled_from(KINDS), st.lists(st.text("0123456789.-+*/() ,", min_size=1, max_size=20)))
def test_no_text_is_an_error(problem: str, solution: str, kind: str, fields: list[str]) -> None:
    rounded(solution, 2)
    filled = re.sub(r"\{\w+\}", lambda match: fields.pop() if fields else "0", TABLE[kind].questions["en"])
    for text in (problem, filled):
        assert kind_of(text) in ("", *KINDS)
        steps(text, solution)
        steps(text, "0")
