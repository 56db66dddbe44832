from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.items import DataError, Item
from trainer import files
from trainer.data import IGNORED, Row, Source, encoded, make_record, record_path, row
from trainer.data_statistics import Cut, Statistics
from trainer.prompts import TEMPLATES
from trainer.tiny import generate
from trainer.tokenizer import TextCodec
from trainer.transforms import Transforms

TINY = Path(generate.__file__).parent
TOKENIZER, MATH = TINY / "tokenizer", TINY / "data/math_train.jsonl"
# in a process of its own: mindspore and mlflow, which other tests import, do not go together
COUNT = """
import sys
from mindspore.dataset import MindDataset
print(MindDataset(sys.argv[1:], columns_list=["input_ids", "labels"]).get_dataset_size())
"""
TEMPLATE = TEMPLATES["math_contest"]
SOURCE = Source(MATH, "math_contest", TEMPLATE, Transforms(), 0)
ITEM = Item({"problem": "What is 2 plus 3?"}, ("2 + 3 = 5",), "en_expression")


def path_of(cache: Path, source: Source = SOURCE, length: int = 32, pad: int = 0) -> Path:
    return record_path(cache, source, files.digest(source.file), files.folder_digest(TOKENIZER), length, pad)


@pytest.fixture(scope="module")
def codec() -> TextCodec:
    return TextCodec.load(TOKENIZER)


def row_of(item: Item, codec: TextCodec, seq_length: int) -> Row | None:
    (tokens,) = encoded([item], "math_contest", TEMPLATE, codec)
    return row(tokens, seq_length, 0)


def test_loss_is_taken_of_the_answer_and_its_end_only(codec: TextCodec) -> None:
    made = row_of(ITEM, codec, 32)
    assert made is not None
    ids, labels = made
    prompt, answer = codec.prompt(TEMPLATE, ITEM.fields), codec.answer("2 + 3 = 5")
    assert ids.tolist()[: len(prompt) + len(answer)] == prompt + answer
    assert answer[-1] == codec.eos
    assert labels.tolist() == [IGNORED] * len(prompt) + answer + [IGNORED] * (33 - len(prompt) - len(answer))


def test_training_continues_the_very_tokens_that_inference_gives(codec: TextCodec) -> None:
    made = row_of(ITEM, codec, 32)
    assert made is not None
    ids, _ = made
    prompt = codec.prompt(TEMPLATE, ITEM.fields)
    assert prompt[0] == codec.bos
    assert ids.tolist()[: len(prompt)] == prompt


def test_item_whose_answer_is_cut_off_gives_no_row(codec: TextCodec) -> None:
    prompt = codec.prompt(TEMPLATE, ITEM.fields)
    assert row_of(ITEM, codec, len(prompt)) is not None
    assert row_of(ITEM, codec, len(prompt) - 1) is None


def test_record_is_another_where_anything_that_it_depends_on_is(tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"problem": "1 + 1", "solution": "1 + 1 = 2"}))
    sources = [
        SOURCE,
        replace(SOURCE, file=other),
        replace(SOURCE, protocol="multiple_choice"),
        replace(SOURCE, template="{problem}"),
        replace(SOURCE, transforms=Transforms(cot=True)),
        replace(SOURCE, transforms=Transforms(examples=7)),
        replace(SOURCE, transforms=Transforms(examples=7), seed=1),
    ]
    paths = [path_of(tmp_path, source) for source in sources]
    paths += [path_of(tmp_path, length=48), path_of(tmp_path, pad=1)]
    assert len(set(paths)) == len(paths)
    assert path_of(tmp_path) == paths[0]


def test_seed_matters_to_a_record_only_where_items_are_chosen(tmp_path: Path) -> None:
    assert path_of(tmp_path, replace(SOURCE, seed=1)) == path_of(tmp_path)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Executor]:
    """Give a process where MindSpore may be imported: it does not go together with MLflow, which other tests import."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def make(record: Path) -> None:
    make_record(record, SOURCE, TextCodec.load(TOKENIZER), 32, 0)


def test_two_trials_that_want_the_same_record_at_once_both_get_it(tmp_path: Path) -> None:
    record = path_of(tmp_path / "a'; echo 训练")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=make, args=(record,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    lines = MATH.read_text(encoding="utf-8").splitlines()
    counted = subprocess.run(
        [sys.executable, "-c", COUNT, *record.glob("*.mindrecord")], capture_output=True, text=True, check=True
    )
    assert int(counted.stdout.split()[-1]) == len(lines)


def test_record_is_not_left_half_made(tmp_path: Path, codec: TextCodec) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"problem": "1 + 1"')
    record = tmp_path / "cache/0"
    with pytest.raises(DataError, match=r"broken\.jsonl:1"):
        make_record(record, replace(SOURCE, file=broken), codec, 32, 0)
    assert [file.suffix for file in record.parent.iterdir()] == [".lock"]


def test_data_of_which_nothing_fits_is_said(tmp_path: Path, codec: TextCodec) -> None:
    with pytest.raises(ValueError, match="no item fits seq_length 4"):
        make_record(tmp_path / "cache/0", SOURCE, codec, 4, 0)


def test_record_of_a_killed_process_is_made_anew(tmp_path: Path, codec: TextCodec, elsewhere: Executor) -> None:
    record = path_of(tmp_path)
    left = record.with_suffix(".part")
    left.mkdir()
    (left / "00000.mindrecord").write_text("half")
    made = elsewhere.submit(make_record, record, SOURCE, codec, 32, 0).result()
    assert made.items == len(MATH.read_text(encoding="utf-8").splitlines())
    assert not left.exists()


def test_statistics_are_those_of_the_rows(tmp_path: Path, codec: TextCodec, elsewhere: Executor) -> None:
    data = tmp_path / "train.jsonl"
    rows = [("1 + 1", "2", "short"), ("1 + 1 + 1 + 1", "4", "long"), ("1 + 1 + 1 + 1", "1 + 1 + 1 + 1 = 4", "long")]
    data.write_text(
        "\n".join(
            json.dumps({"problem": problem, "solution": solution, "kind": kind}) for problem, solution, kind in rows
        )
    )
    source = replace(SOURCE, file=data)
    tokens = list(encoded(source.items(), source.protocol, source.template, codec))
    lengths = [len(item.prompt) + len(item.answer) for item in tokens]
    seq_length = len(tokens[0].prompt)  # of the others no answer is left
    record = path_of(tmp_path / "cache", source, seq_length)
    found = elsewhere.submit(make_record, record, source, codec, seq_length, 0).result()
    assert (found.items, found.kinds) == (3, {"long": 2, "short": 1})
    assert (found.tokens[0], found.tokens[50], found.tokens[100]) == tuple(sorted(lengths))
    assert found.cuts == {seq_length: Cut(truncated=3, lost=2)}


def test_statistics_are_read_where_the_record_is_there(tmp_path: Path, codec: TextCodec, elsewhere: Executor) -> None:
    made = elsewhere.submit(make_record, path_of(tmp_path), SOURCE, codec, 32, 0).result()
    again: Statistics = make_record(path_of(tmp_path), SOURCE, codec, 32, 0)
    assert again == made
