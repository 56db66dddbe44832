"""Text <-> token ids, through a Hugging Face tokenizer folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# it warns of a missing PyTorch, which tokenizers do without
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

from transformers import AutoTokenizer


@dataclass(frozen=True)
class TextCodec:
    """Encodes prompts and answers in the one way that training and inference share.

    Attributes:
        tokenizer: Hugging Face tokenizer.
        bos: id that every prompt begins with; None for none.
        eos: id that ends every answer.
    """

    tokenizer: Any
    bos: int | None
    eos: int

    @classmethod
    def load(cls, folder: Path) -> TextCodec:
        """Load the tokenizer of ``folder``; nothing is looked up elsewhere.

        Raises:
            OSError: the folder holds no tokenizer.
            ValueError: the tokenizer has no end token, so no answer would ever end.
        """
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        if tokenizer.eos_token_id is None:
            raise ValueError(
                f"{folder}: the tokenizer names no eos_token in tokenizer_config.json; answers need one to end"
            )
        if tokenizer.is_fast:
            # its file may ask for them
            tokenizer.backend_tokenizer.no_padding()
            tokenizer.backend_tokenizer.no_truncation()
        return cls(tokenizer, tokenizer.bos_token_id, tokenizer.eos_token_id)

    def prompt(self, template: str, fields: Mapping[str, str]) -> list[int]:
        """Return the ids of a prompt: the begin token, then the template filled with ``fields``."""
        return self.prompts(template, [fields])[0]

    def prompts(self, template: str, fields: Iterable[Mapping[str, str]]) -> list[list[int]]:
        """Return the ids of many prompts; a fast tokenizer uses all cores."""
        begin = [] if self.bos is None else [self.bos]
        return [begin + ids for ids in self._encode([template.format(**values) for values in fields])]

    def answer(self, text: str) -> list[int]:
        """Return the ids of an answer, end token included."""
        return self.answers([text])[0]

    def answers(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of many answers, each with its end token."""
        return [[*ids, self.eos] for ids in self._encode(texts)]

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if self.tokenizer.is_fast:
            # transformers would make offsets, masks and types of each, too, which takes as long again
            made = self.tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            return [one.ids for one in made]
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False).input_ids
        return ids
