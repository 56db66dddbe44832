from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.load import Document, FileFaults, read


def document(folder: Path, text: str) -> Document:
    file = folder / "sweep.yaml"
    file.write_text(text, encoding="utf-8")
    return read(file)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(FileFaults) as caught:
        document(folder, text)
    return str(caught.value).removeprefix(str(folder / "sweep.yaml"))


def test_every_key_and_item_has_its_line(tmp_path: Path) -> None:
    lines = document(tmp_path, "a:\n  b: 1\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n").lines
    assert lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
        ("a", "c", 1, "e"): 6,
    }


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "1.e-4", "+1e-4", "0.0001"])
def test_scientific_notation_is_a_number(tmp_path: Path, text: str) -> None:
    assert document(tmp_path, f"a: {text}").data == {"a": 1e-4}


@pytest.mark.parametrize("text", ["'1e-4'", "1e", "e-4", "1e-4x"])
def test_text_like_a_number_stays_text(tmp_path: Path, text: str) -> None:
    assert document(tmp_path, f"a: {text}").data == {"a": text.strip("'")}


def test_byte_order_mark_and_chinese_are_read(tmp_path: Path) -> None:
    assert document(tmp_path, "\ufeff名: 微调").data == {"名": "微调"}


def test_key_that_stands_twice_is_a_problem_at_its_second_line(tmp_path: Path) -> None:
    found = document(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert [str(fault).partition("sweep.yaml")[2] for fault in found.faults(found.problems)] == [
        ":4: b.c: the key stands twice, first in line 3; delete one",
        ":5: a: the key stands twice, first in line 1; delete one",
    ]


def test_impossible_date_is_a_problem_and_the_rest_is_read(tmp_path: Path) -> None:
    found = document(tmp_path, "a: 2024-99-99\nb: 1\n")
    assert [location for location, _ in found.problems] == [("a",)]
    assert found.data["b"] == 1


def test_tag_that_would_run_code_is_a_problem_and_nothing_is_run(tmp_path: Path) -> None:
    found = document(tmp_path, "a: !!python/name:os.system\nb: !!python/object/apply:os.system [exit 1]\n")
    assert [location for location, _ in found.problems] == [("a",), ("b",)]


def test_key_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    assert [message for _, message in document(tmp_path, "? [a, b]\n: 1\n").problems] == ["expected text as a key"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1, 2\n", ":3: no YAML: while parsing a flow sequence"),
        ("a: 1\n\tb: 2\n", ":2: no YAML"),
        ("a: 1\n---\nb: 2\n", ":2: no YAML: expected a single document"),
        ("a: 1\nb: \x07\n", ":2: no YAML: special characters"),
        ("- 1\n", ": no YAML: expected keys with values"),
        ("", ": no YAML: expected keys with values"),
        ("a: &x [1]\nb: *x\n", ":2: no YAML: anchors and aliases are not allowed"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", ":3: no YAML: anchors and aliases are not allowed"),
        ("a: " + "[" * 5000, ": no YAML: nested too deeply"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    assert refusal(tmp_path, text).startswith(message)


def test_aliases_that_expand_without_end_are_refused(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]\n" for i in range(1, 30))
    assert refusal(tmp_path, bomb).startswith(":2: no YAML: anchors and aliases")


def test_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileFaults, match=r"none.yaml: cannot be read: No such file"):
        read(tmp_path / "none.yaml")


def test_file_that_is_not_utf_8_is_said(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(FileFaults, match=r"cannot be read: not UTF-8"):
        read(tmp_path / "latin.yaml")


def test_fault_of_a_missing_key_has_the_line_of_the_key_around_it(tmp_path: Path) -> None:
    fault = document(tmp_path, "a: 1\nb:\n  c: 2\n").fault(("b", "d"), "is missing")
    assert (fault.line, fault.key) == (2, "b.d")


def test_missing_key_may_be_named_as_the_key_around_it(tmp_path: Path) -> None:
    fault = document(tmp_path, "type: {a: 1}\n").fault(("type", "type"), "is missing")
    assert (fault.line, fault.key) == (1, "type.type")


def test_steps_that_the_file_does_not_have_are_no_part_of_the_key(tmp_path: Path) -> None:
    fault = document(tmp_path, "a:\n- b:\n    c: 2\n").fault(("a", 0, "b", "float", "c"), "is wrong")
    assert (fault.line, fault.key) == (3, "a[0].b.c")


def test_faults_are_sorted_by_line_and_said_once(tmp_path: Path) -> None:
    found = document(tmp_path, "a: 1\nb: 2\n")
    error = FileFaults(found.faults([(("b",), "x"), (("a",), "y"), (("b",), "x")]))
    assert [fault.line for fault in error.faults] == [1, 2]


def test_integer_that_no_message_could_show_is_refused_with_its_line(tmp_path: Path) -> None:
    found = document(tmp_path, f"a: 1\nb: 0x{'f' * 5000}\n")
    assert "cannot be read: an integer of 20000 bits" in str(found.faults(found.problems)[0])
    assert found.faults(found.problems)[0].line == 2
