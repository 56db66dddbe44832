"""The tiny model's tokenizer: one token a word, a Chinese character, a number below 100 or a punctuation mark."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from trainer.tiny import corpus

SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")
PAD, BOS, EOS, UNK = range(4)
_SPLIT = r"\d+|[A-Za-z]+|###|[^\sA-Za-z\d]"


def _words() -> list[str]:
    """Every word of the corpus, in the order in which it names them."""
    english = " ".join(
        [
            "read the passage and answer the question below . ### instruction : input response",
            "lives in where does live works as what work owns own likes like has how many have buys buy finds find",
            "is calculate plus minus of them now ? + - = ,",
            *("they gets loses sells eats more then left total sum".split()),
        ]
    ).split()
    chinese = list("计算等于多少？，。有个现在又")
    chinese += [c for w in corpus.ZH_NAMES + corpus.ZH_ITEMS + corpus.ZH_GAINS + corpus.ZH_LOSSES for c in w]
    nouns = corpus.PLACES + corpus.JOBS + corpus.THINGS + corpus.FOODS + corpus.ITEMS
    numbers = [str(n) for n in range(2 * corpus.LIMIT)]
    words = numbers + english + corpus.NAMES + corpus.ADJECTIVES + nouns + corpus.GAINS + corpus.LOSSES + chinese
    return list(dict.fromkeys(words))


def build() -> Tokenizer:
    """Build the tokenizer from the corpus' word lists; ids are stable as long as these are."""
    vocabulary = {word: i for i, word in enumerate([*SPECIALS, *_words()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(_SPLIT), "isolated")]
    )
    return tokenizer


def save(folder: Path) -> None:
    """Write the tokenizer as a Hugging Face folder."""
    folder.mkdir(parents=True, exist_ok=True)
    build().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{f"{name}_token": SPECIALS[i] for name, i in (("pad", PAD), ("bos", BOS), ("eos", EOS), ("unk", UNK))},
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
