from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.items import DataError, Item
from trainer.data import IGNORED, make_record, record_path, rows
from trainer.prompts import TEMPLATES
from trainer.tiny import generate
from trainer.tokenizer import TextCodec

TINY = Path(generate.__file__).parent
TOKENIZER, MATH = TINY / "tokenizer", TINY / "data/math_train.jsonl"
# in a process of its own: mindspore and mlflow, which other tests import, do not go together
COUNT = """
import sys
from mindspore.dataset import MindDataset
print(MindDataset(sys.argv[1], columns_list=["input_ids", "labels"]).get_dataset_size())
"""
ITEM = Item({"problem": "What is 2 plus 3?"}, ("2 + 3 = 5",), "")


@pytest.fixture(scope="module")
def codec() -> TextCodec:
    return TextCodec.load(TOKENIZER)


def test_loss_is_taken_of_the_answer_and_its_end_only(codec: TextCodec) -> None:
    ((ids, labels),) = rows([ITEM], "math_contest", codec, 32, 0)
    prompt, answer = codec.prompt(TEMPLATES["math_contest"], ITEM.fields), codec.answer("2 + 3 = 5")
    assert ids.tolist()[: len(prompt) + len(answer)] == prompt + answer
    assert answer[-1] == codec.eos
    assert labels.tolist() == [IGNORED] * len(prompt) + answer + [IGNORED] * (33 - len(prompt) - len(answer))


def test_training_continues_the_very_tokens_that_inference_gives(codec: TextCodec) -> None:
    ((ids, _),) = rows([ITEM], "math_contest", codec, 32, 0)
    prompt = codec.prompt(TEMPLATES["math_contest"], ITEM.fields)
    assert prompt[0] == codec.bos
    assert ids.tolist()[: len(prompt)] == prompt


def test_item_whose_answer_is_cut_off_gives_no_row(codec: TextCodec) -> None:
    prompt = codec.prompt(TEMPLATES["math_contest"], ITEM.fields)
    assert len(list(rows([ITEM], "math_contest", codec, len(prompt), 0))) == 1
    assert list(rows([ITEM], "math_contest", codec, len(prompt) - 1, 0)) == []


def test_record_is_another_where_anything_that_it_depends_on_is(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"problem": "1 + 1", "solution": "1 + 1 = 2"}))
    paths = {
        record_path(tmp_path, data, protocol, TOKENIZER, length, pad)
        for data, protocol, length, pad in (
            (MATH, "math_contest", 32, 0),
            (other, "math_contest", 32, 0),
            (MATH, "multiple_choice", 32, 0),
            (MATH, "math_contest", 48, 0),
            (MATH, "math_contest", 32, 1),
        )
    }
    assert len(paths) == 5
    assert record_path(tmp_path, MATH, "math_contest", TOKENIZER, 32, 0) in paths


def make(record: Path) -> None:
    make_record(record, MATH, "math_contest", TextCodec.load(TOKENIZER), 32, 0)


def test_two_trials_that_want_the_same_record_at_once_both_get_it(tmp_path: Path) -> None:
    record = record_path(tmp_path / "a'; echo 训练", MATH, "math_contest", TOKENIZER, 32, 0)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=make, args=(record,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    lines = MATH.read_text(encoding="utf-8").splitlines()
    counted = subprocess.run([sys.executable, "-c", COUNT, record], capture_output=True, text=True, check=True)
    assert int(counted.stdout.split()[-1]) == len(lines)


def test_record_is_not_left_half_made(tmp_path: Path, codec: TextCodec) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"problem": "1 + 1"')
    record = tmp_path / "cache/0/train.mindrecord"
    with pytest.raises(DataError, match=r"broken\.jsonl:1"):
        make_record(record, broken, "math_contest", codec, 32, 0)
    assert not record.parent.exists()


def test_data_of_which_nothing_fits_is_said(tmp_path: Path, codec: TextCodec) -> None:
    with pytest.raises(ValueError, match="no item fits seq_length 4"):
        make_record(tmp_path / "cache/0/train.mindrecord", MATH, "math_contest", codec, 4, 0)
