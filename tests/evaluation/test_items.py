from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.items import READERS, DataError, Item, read, read_squad_contest, read_squad_v1, stream

ROOT = Path(__file__).parents[2]
CONTEST = ROOT.parent / "shared/data/contest"
needs_data = pytest.mark.skipif(not CONTEST.exists(), reason=f"the real data sets are not there: {CONTEST}")

MATH = '{"problem": "1 + 1?", "solution": "1 + 1 = 2"}'
CHOICE = {"instruction": "Choose.", "input": "A.x\nB.y", "output": "The right option is B."}


def squad(*paragraphs: Any) -> str:
    return json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": list(paragraphs)}]})


def paragraph(context: str, **questions: list[str]) -> dict[str, Any]:
    qas = [{"question": q, "answers": [{"text": a} for a in answers]} for q, answers in questions.items()]
    return {"context": context, "qas": qas}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a'; echo 数据.json"


def test_squad_contest_takes_the_first_question_of_each_paragraph_with_all_its_answers(file: Path) -> None:
    file.write_text(squad(paragraph("p", q1=["a", "b"], q2=["c"]), paragraph("r", q3=["d"])))
    assert read_squad_contest(file) == [
        Item({"passage": "p", "question": "q1"}, ("a", "b")),
        Item({"passage": "r", "question": "q3"}, ("d",)),
    ]


def test_squad_v1_takes_all_questions_of_each_paragraph(file: Path) -> None:
    file.write_text(squad(paragraph("p", q1=["a", "b"], q2=["c"]), paragraph("r", q3=["d"])))
    assert read_squad_v1(file) == [
        Item({"passage": "p", "question": "q1"}, ("a", "b")),
        Item({"passage": "p", "question": "q2"}, ("c",)),
        Item({"passage": "r", "question": "q3"}, ("d",)),
    ]


def test_math_rows_may_have_a_kind(file: Path) -> None:
    file.write_text(MATH + "\n" + MATH.replace("}", ', "kind": "zh_story"}') + "\n")
    assert read("math_contest", file) == [
        Item({"problem": "1 + 1?"}, ("1 + 1 = 2",)),
        Item({"problem": "1 + 1?"}, ("1 + 1 = 2",), "zh_story"),
    ]


@pytest.mark.parametrize(
    "text", [json.dumps([CHOICE, CHOICE]), "\n".join([json.dumps(CHOICE)] * 2)], ids=["list", "lines"]
)
def test_choice_rows_are_a_list_or_lines(file: Path, text: str) -> None:
    file.write_text(text)
    fields = {"instruction": "Choose.", "input": "A.x\nB.y"}
    assert read("multiple_choice", file) == [Item(fields, ("The right option is B.",))] * 2


def test_choice_may_have_a_blank_input(file: Path) -> None:
    file.write_text(json.dumps([{**CHOICE, "input": ""}]))
    assert read("multiple_choice", file)[0].fields["input"] == ""


def test_byte_order_mark_blank_lines_and_windows_ends_of_lines_are_fine(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + f"{MATH}\r\n\r\n{MATH}\r\n".encode())
    assert len(read("math_contest", file)) == 2


def test_line_separator_within_a_string_does_not_end_the_line(file: Path) -> None:
    file.write_text(MATH.replace("1 + 1?", "1\u2028+ 1?"), encoding="utf-8")
    assert read("math_contest", file)[0].fields["problem"] == "1\u2028+ 1?"


def test_every_protocol_is_read_by_its_reader(file: Path) -> None:
    texts = {
        "squad_contest": squad(paragraph("p", q=["a"])),
        "squad_v1": squad(paragraph("p", q=["a"])),
        "math_contest": MATH,
        "multiple_choice": json.dumps([CHOICE]),
    }
    assert texts.keys() == READERS.keys()
    for protocol, text in texts.items():
        file.write_text(text)
        assert read(protocol, file) == list(READERS[protocol](file))


@needs_data
def test_all_real_questions_are_read() -> None:
    assert len(read("math_contest", CONTEST / "math_sample.jsonl")) == 1992
    assert len(read("multiple_choice", CONTEST / "mmlu_sample.json")) == 2000


@pytest.mark.parametrize("name", ["math_train.jsonl", "math_test.jsonl", "squad_dev.json"])
def test_shipped_data_sets_are_read(name: str) -> None:
    assert len(read(name.split("_")[0] + "_contest", ROOT / "trainer/tiny/data" / name)) >= 600


@pytest.mark.parametrize("protocol", READERS)
def test_missing_file_is_named(tmp_path: Path, protocol: str) -> None:
    missing = tmp_path / "missing.json"
    with pytest.raises(DataError, match="cannot be read: No such file or directory") as raised:
        read(protocol, missing)
    assert str(raised.value).startswith(f"{missing}: ")


@pytest.mark.parametrize("protocol", READERS)
def test_folder_is_no_file(tmp_path: Path, protocol: str) -> None:
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read(protocol, tmp_path)


@pytest.mark.parametrize("protocol", READERS)
@pytest.mark.parametrize("text", ["", " \n\n"])
def test_empty_file_is_refused(file: Path, protocol: str, text: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError, match="is empty; expected at least one item"):
        read(protocol, file)


@pytest.mark.parametrize("protocol", READERS)
def test_other_encoding_is_named_with_its_line(file: Path, protocol: str) -> None:
    file.write_bytes(b"\n" + '{"problem": "计算"}'.encode("gb18030"))
    with pytest.raises(DataError, match="byte 0xbc is not UTF-8") as raised:
        read(protocol, file)
    assert str(raised.value).startswith(f"{file}:2: ")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"problem": "1 + 1?"', "broken JSON: Expecting ',' delimiter (column 21)"),
        ("problem", "broken JSON: Expecting value (column 1)"),
        ("9" * 5000, "broken JSON: Exceeds the limit"),
        ("[" * 10**5, "broken JSON: maximum recursion depth exceeded"),
        ('{"problem": "1 + 1?"}', "solution is missing"),
        ('{"problem": 1, "solution": "2"}', "problem is a number, not a string"),
        ('{"problem": null, "solution": "2"}', "problem is null, not a string"),
        ('{"problem": "1 + 1?", "solution": ["2"]}', "solution is a list, not a string"),
        ('{"problem": "1 + 1?", "solution": " "}', "solution is blank"),
        ('{"problem": "\\ud800", "solution": "2"}', "problem holds half of a surrogate pair"),
        ('["1 + 1?", "2"]', "it is a list, not an object"),
        ('{"problem": "1 + 1?", "solution": "2", "kind": 3}', "kind is a number, not a string"),
        ('{"problem": "1 + 1?", "solution": "2", "kind": "a/../b"}', "kind is 'a/../b', but it names a metric"),
    ],
    ids=lambda text: text[:40],
)
def test_broken_line_is_named_with_its_file_and_number(file: Path, row: str, message: str) -> None:
    file.write_text(f"{MATH}\n\n{row}\n{MATH}\n")
    with pytest.raises(DataError) as raised:
        read("math_contest", file)
    text = str(raised.value)
    assert text.startswith(f"{file}:3: {message}")
    assert '; expected {"problem": "...", "solution": "..."}; correct or remove it' in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "it is a list, not an object"),
        ("{}", "data is missing"),
        ('{"data": {}}', "data is an object, not a list"),
        ('{"data": []}', "data is an empty list"),
        ('{"data": [3]}', "data[0] is a number, not an object"),
        (squad(), "data[0].paragraphs is an empty list"),
        (squad({"context": "p"}), "data[0].paragraphs[0].qas is missing"),
        (squad(paragraph("p", q=["a"]), paragraph("p")), "data[0].paragraphs[1].qas is an empty list"),
        (squad(paragraph("p", q=[])), "data[0].paragraphs[0].qas[0].answers is an empty list"),
        (squad({"context": True, "qas": [{}]}), "data[0].paragraphs[0].context is a boolean, not a string"),
    ],
)
def test_broken_place_in_squad_is_named_with_its_path(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError) as raised:
        read_squad_contest(file)
    assert str(raised.value).startswith(f"{file}: {message}; expected SQuAD v1.1: ")


def test_broken_squad_json_is_named_with_its_line(file: Path) -> None:
    file.write_text('{\n"data":\n')
    with pytest.raises(DataError, match="broken JSON: Expecting value") as raised:
        read_squad_contest(file)
    assert str(raised.value).startswith(f"{file}:3: ")


def test_broken_element_of_a_choice_list_is_named_with_its_index(file: Path) -> None:
    file.write_text(json.dumps([CHOICE, {"instruction": "Choose.", "input": ""}]))
    with pytest.raises(DataError) as raised:
        read("multiple_choice", file)
    assert str(raised.value).startswith(f"{file}: [1].output is missing; expected ")


def test_empty_choice_list_is_refused(file: Path) -> None:
    file.write_text("[]")
    with pytest.raises(DataError, match="it is an empty list"):
        read("multiple_choice", file)


@pytest.mark.parametrize(
    "problem",
    [
        "### Instruction:\n1 + 1?\n\n### Response:",
        "Below is an instruction that describes a task.\n1 + 1?",
        "[INST] 1 + 1?",
    ],
)
def test_problem_that_is_wrapped_in_a_template_already_is_refused(file: Path, problem: str) -> None:
    file.write_text(f"{MATH}\n{json.dumps({'problem': problem, 'solution': '2'})}\n")
    with pytest.raises(DataError, match="problem is wrapped in a prompt template already") as raised:
        read("math_contest", file)
    assert str(raised.value).startswith(f"{file}:2: ")


def test_alpaca_row_with_the_wrapped_text_beside_its_fields_is_refused(file: Path) -> None:
    file.write_text(json.dumps({**CHOICE, "text": "Below is an instruction"}))
    with pytest.raises(DataError, match="holds `text`, a prompt wrapped already; delete that key") as raised:
        read("multiple_choice", file)
    assert str(raised.value).startswith(f"{file}:1: ")


def test_tokenized_data_set_is_refused(file: Path, tmp_path: Path) -> None:
    file.write_text('{"input_ids": [1, 2], "labels": [1, 2]}')
    with pytest.raises(DataError, match="holds `input_ids`: it is tokenized already"):
        read("math_contest", file)
    with pytest.raises(DataError, match="is tokenized already; name the file that it was made from"):
        read("math_contest", tmp_path / "train.mindrecord")


def test_items_before_a_broken_line_are_streamed(file: Path) -> None:
    file.write_text(f"{MATH}\n{{\n")
    items = stream("math_contest", file)
    assert next(items).answers == ("1 + 1 = 2",)
    with pytest.raises(DataError, match="broken JSON"):
        next(items)


@needs_data
@pytest.mark.parametrize(
    ("protocol", "name"), [("math_contest", "math_sample.jsonl"), ("multiple_choice", "mmlu_sample.json")]
)
def test_no_real_item_is_taken_for_a_wrapped_one(protocol: str, name: str) -> None:
    assert len(read(protocol, CONTEST / name)) in (1992, 2000)
