from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.choice import chosen, is_correct

SAMPLE = Path(__file__).parents[3] / "shared/data/contest/mmlu_sample.json"
needs_data = pytest.mark.skipif(not SAMPLE.exists(), reason=f"the real questions are not there: {SAMPLE}")


def rows() -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return found


@needs_data
def test_every_real_output_is_read() -> None:
    outputs = [row["output"] for row in rows()]
    assert len(outputs) == 2000
    assert all(output == f"The right option is {chosen(output)}." for output in outputs)


@needs_data
def test_real_question_names_no_option() -> None:
    assert [row for row in rows() if chosen(row["instruction"]) or chosen(row["input"])] == []


@needs_data
def test_text_of_a_real_option_names_no_option() -> None:
    texts = [line[2:] for row in rows() for line in row["input"].split("\n")[-4:] if line[1:2] == "."]
    assert len(texts) > 7000
    # a few options are a letter themselves
    assert {text for text in texts if chosen(text)} == {"B", "D", "a", "b", "c"}


@needs_data
def test_real_option_with_its_letter_is_read() -> None:
    lines = [line for row in rows() for line in row["input"].split("\n")[-4:] if line[1:2] == "."]
    ambiguous = [line for line in lines if chosen(line) != line[0]]
    assert len(ambiguous) <= 3, ambiguous  # such as "C.(A) and (B) both in the same way."


@pytest.mark.parametrize(
    "text",
    [
        "The right option is C.",
        "The right option is C",
        "The right option is: C",
        "The right option is (C).",
        "The right option is 'C'.",
        "The right option is C because it is the oldest",
        "The correct answer to this question is C.",
        "Answer: C",
        "Answer: (C) 25 Kelvin",
        "Answer: **C**",
        "answer:C",
        "Option C is correct, since",
        "C is the right answer.",
        "I choose C",
        "答案是C",
        "答案：C",
        "答案为 C。",
        "答案是（C）",
        "答案应该是选项C",
        "正确答案是C选项",
        "故选C。",
        "应选择C",
        "C项正确",
        "C选项是正确的",
        "答案是C。因为A不对",
        "选项A是错误的，选C",
        "Option A is wrong, so the right option is C.",
        "Let's think step by step. A good lawyer would refuse. The right option is C.",
        "First, A man must work.\nThe right option is C.",
    ],
)
def test_option_that_is_named(text: str) -> None:
    assert chosen(text) == "C"


@pytest.mark.parametrize("text", ["C", "C.", "(C)", "C)", "[C]", "c", "c.", "“C”", "Ｃ", " \n C \n", "C\nD\nA"])
def test_option_alone_on_its_line(text: str) -> None:
    assert chosen(text) == "C"


@pytest.mark.parametrize("text", ["C. Paris", "C.25", "C: Paris", "C、巴黎", "(C) Paris", "C) Paris"])
def test_option_before_its_text(text: str) -> None:
    assert chosen(text) == "C"


@pytest.mark.parametrize("text", ["A", "A.", "(A)", "a", "The answer is A", "The right option is A.", "A. dog", "选A"])
def test_option_a_where_an_option_stands(text: str) -> None:
    assert chosen(text) == "A"


@pytest.mark.parametrize(
    "text", ["A man walks", "A good answer would be to stop", "The answer is A dog", "The answer is a dog", "A科技馆"]
)
def test_article_and_name_are_no_option(text: str) -> None:
    assert chosen(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "A or B",
        "The right option is A or B",
        "Answer: A, B",
        "Answer: A, B, and C",
        "(A) and (B) both",
        "答案是A和B",
        "答案是AC",
        "The right option is C or the right option is D",
        "one of the options A/B/C/D",
        "A. Rome\nB. Paris\nC. Bonn",
    ],
)
def test_two_options_are_ambiguous(text: str) -> None:
    assert chosen(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "The right option is not C",
        "Not option C.",
        "The wrong option is C",
        "Options C and D are wrong",
        "答案不是C",
        "不选C",
    ],
)
def test_option_that_is_denied_is_not_named(text: str) -> None:
    assert chosen(text) is None


@pytest.mark.parametrize(
    "text", ["", " \n", "I don't know", "The right option is", "Answer: E", "Answer: Damage", "Vitamin C", "Carbon"]
)
def test_text_without_an_option(text: str) -> None:
    assert chosen(text) is None


def test_first_line_with_an_option_decides() -> None:
    assert chosen("Hm.\nThe right option is C.\n\nQuestion: ...\nThe right option is D.") == "C"


def test_prediction_is_right_where_it_names_the_solutions_option() -> None:
    assert is_correct("C. Paris", "The right option is C.")
    assert not is_correct("D. Bonn", "The right option is C.")


def test_text_without_an_option_is_never_right() -> None:
    assert not is_correct("", "")
    assert not is_correct("", "The right option is C.")


@pytest.mark.parametrize("text", ["A, ", "A and ", "option is ", "选", "(A) and ", "答案是", '"'])
def test_long_text_does_not_hang(text: str) -> None:
    assert chosen(text * 10**5) in (None, "A")


@given(st.text("ABCDabcd optionanswer.,()是选项答案正确错\n"))
def test_no_text_fails(text: str) -> None:
    assert chosen(text) in {None, "A", "B", "C", "D"}
