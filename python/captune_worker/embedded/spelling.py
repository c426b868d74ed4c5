"""Texts as token ids, with some words spelled in smaller pieces than need be.

Fine-tuning by adapters leaves embeddings and language head as they are, and the words
it brings are made of pieces that captions alone seldom or never use. So each must be
learnt here, before and after all sorts of others (BPE dropout, arXiv 1910.13267, which
`tokenizers` offers, but not with a seed).
"""

import random
import re

from tokenizers import Tokenizer

from ..airplanes.chance import pick

_RATES = (0.0, 0.0, 0.0, 0.2, 0.2, 0.6)
"""Parts of a text's words that are spelled out; each text has one of them."""
_WORDS = re.compile("\u2581?[A-Za-z]+|.", re.DOTALL)


class Speller:
    """Encodes texts as the tokenizer does, but for the words it spells out."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}

    def encode(
        self, text: str, rng: random.Random, rate: float | None = None
    ) -> list[int]:
        """Token ids; ``rate`` is the part of the words to spell out, else drawn."""
        rate = pick(rng, _RATES) if rate is None else rate
        normalized = self._tokenizer.normalizer.normalize_str(text)
        ids = []
        for word in _WORDS.findall(normalized):
            if len(word) > 1 and rng.random() < rate:
                for part in _cut(word, rng):
                    ids += self._ids(part)
            else:
                ids += self._ids(word)
        return ids

    def _ids(self, part: str) -> list[int]:
        if part not in self._known:
            tokens = self._tokenizer.model.tokenize(part)
            self._known[part] = [token.id for token in tokens]
        return self._known[part]


def _cut(word: str, rng: random.Random) -> list[str]:
    """All characters, or two parts."""
    if rng.random() < 0.5:
        return list(word)
    at = 1 + int(rng.random() * (len(word) - 1))
    return [word[:at], word[at:]]
