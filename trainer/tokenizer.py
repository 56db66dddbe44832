"""Text <-> token ids, through a Hugging Face tokenizer folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
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
        return cls(tokenizer, tokenizer.bos_token_id, tokenizer.eos_token_id)

    def prompt(self, template: str, fields: Mapping[str, str]) -> list[int]:
        """Return the ids of a prompt: the begin token, then the template filled with ``fields``."""
        ids = self._encode(template.format(**fields))
        return ids if self.bos is None else [self.bos, *ids]

    def answer(self, text: str) -> list[int]:
        """Return the ids of an answer, end token included."""
        return [*self._encode(text), self.eos]

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return ids
