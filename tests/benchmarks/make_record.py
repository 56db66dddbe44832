"""How long the contest's 810,000 problems take to become a MindRecord of 256 tokens each, and how much memory.

    python -m tests.benchmarks.make_record [--rows 810000] [--seq-length 256]

The rows are of all eleven kinds, the tokenizer is a byte-level BPE of 32,000 tokens trained on them. Wall time tells
little on a machine that does other work: its load is printed beside, and the CPU seconds, which that hardly changes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path

import psutil

from trainer.data import Source, make_record
from trainer.problems import SHARES, generate
from trainer.prompts import TEMPLATES
from trainer.tokenizer import TextCodec
from trainer.transforms import Transforms


def main() -> None:
    """Make the data, tokenize it in a process of its own, print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=810_000)
    parser.add_argument("--seq-length", type=int, default=256)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_problems(folder / "train.jsonl", arguments.rows)
        train_tokenizer(folder / "train.jsonl", folder / "tokenizer")
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=work, args=(folder, arguments.seq_length))
        started = time.monotonic()
        process.start()
        peak = 0
        while process.is_alive():
            peak = max(peak, memory(process.pid or 0))
            process.join(0.2)
        seconds = time.monotonic() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{arguments.rows} rows, seq_length {arguments.seq_length}, {len(os.sched_getaffinity(0))} cores, load "
            f"{os.getloadavg()[0]:.1f}: {seconds:.0f} s wall, {used.ru_utime + used.ru_stime:.0f} s CPU (user "
            f"{used.ru_utime:.0f}, system {used.ru_stime:.0f}), at most {peak / 2**20:.0f} MiB, all processes together"
        )
        print((folder / "record/statistics.json").read_text())


def work(folder: Path, seq_length: int) -> None:
    """Tokenize, as a worker does before it trains."""
    source = Source(folder / "train.jsonl", "math_contest", TEMPLATES["math_contest"], Transforms(), 0)
    make_record(folder / "record", source, TextCodec.load(folder / "tokenizer"), seq_length, 0)


def memory(pid: int) -> int:
    """Return the bytes that a process and its children hold."""
    try:
        process = psutil.Process(pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def write_problems(file: Path, count: int) -> None:
    """Write that many problems of all kinds, as often as the contest has them."""
    with file.open("w", encoding="utf-8") as opened:
        for row in generate(SHARES, "zh", count, seed=0):
            del row["kind"]  # the contest's rows have none: it is to be found out
            opened.write(json.dumps(row, ensure_ascii=False) + "\n")


def train_tokenizer(data: Path, folder: Path) -> None:
    """Train a fast tokenizer, with digits in groups of at most three as Llama 3 has them, and write its folder."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r"\d{1,3}| ?[^\s\d]+|\s+"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=32_000, special_tokens=special, show_progress=False)
    with data.open(encoding="utf-8") as lines:
        tokenizer.train_from_iterator((line for line, _ in zip(lines, range(50_000), strict=False)), trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    ).save_pretrained(str(folder))


if __name__ == "__main__":
    main()
