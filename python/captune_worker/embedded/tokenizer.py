"""A small tokenizer with Phi-3's pipeline and special tokens."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

MERGES = 400
SPACE = "\u2581"

# The added tokens in the order of the released tokenizer. These do not take the white
# space after them; `</s>` alone is not special, so decoding shows it.
ADDED = (
    "<|endoftext|>",
    "<|assistant|>",
    *(f"<|placeholder{number}|>" for number in range(1, 5)),
    "<|system|>",
    "<|end|>",
    "<|placeholder5|>",
    "<|placeholder6|>",
    "<|user|>",
    *(f"<|placeholder{number}|>" for number in range(7, 40)),
    "<|image|>",
)
KEEPS_SPACE = {"<unk>", "<s>", "<|endoftext|>", "<|system|>", "<|end|>", "<|user|>"}
NOT_SPECIAL = {"</s>"}
ADDITIONAL_SPECIAL = ["<|system|>", "<|end|>", "<|user|>", "<|end|>"]

_CHARACTERS = (SPACE, *map(chr, range(33, 127)))
_BASE = (
    *("<unk>", "<s>", "</s>"),
    *(f"<0x{byte:02X}>" for byte in range(256)),
    *_CHARACTERS,
)
_NORMALIZER = normalizers.Sequence(
    [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
)


def train_tokenizer(texts: Iterable[str], merges: int = MERGES) -> Tokenizer:
    """Learn merges from ``texts``; other texts are written in characters and bytes.

    Pieces hold one word or less and neither digits nor punctuation, so that what
    fine-tuning brings (names, numbers, lists without spaces) is made of familiar ones.
    """
    learner = Tokenizer(BPE())
    learner.normalizer = _NORMALIZER
    letters = Regex(f"{SPACE}?[A-Za-z]+|.")
    learner.pre_tokenizer = pre_tokenizers.Split(letters, "isolated")
    trainer = BpeTrainer(
        vocab_size=len(_CHARACTERS) + merges,
        initial_alphabet=list(_CHARACTERS),
        limit_alphabet=len(_CHARACTERS),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    learnt = json.loads(learner.to_str())["model"]["merges"]
    return Tokenizer.from_str(json.dumps(_pipeline(learnt)))


def write_tokenizer(folder: Path, tokenizer: Tokenizer) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` as the hub has them."""
    write_json(folder / "tokenizer.json", json.loads(tokenizer.to_str()))
    added = {str(token["id"]): dict(token) for token in _added_tokens(tokenizer)}
    for token in added.values():
        del token["id"]
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "add_eos_token": False,
            "added_tokens_decoder": added,
            "additional_special_tokens": ADDITIONAL_SPECIAL,
            "bos_token": "<s>",
            "clean_up_tokenization_spaces": False,
            "eos_token": "<|endoftext|>",
            "legacy": False,
            "model_max_length": 4096,
            "pad_token": "<|endoftext|>",
            "padding_side": "right",
            "tokenizer_class": "LlamaTokenizer",
            "unk_token": "<unk>",
        },
    )


def write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=True)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _added_tokens(tokenizer: Tokenizer) -> list[dict[str, Any]]:
    return json.loads(tokenizer.to_str())["added_tokens"]


def _pipeline(merges: list[list[str]]) -> dict[str, Any]:
    """The released ``tokenizer.json`` with other pieces: no pre-tokenizer splits words.

    A merge joins two pieces of one word, so words stay apart all the same.
    """
    pieces = [*_BASE, *dict.fromkeys("".join(pair) for pair in merges)]
    ids = {token: number for number, token in enumerate([*pieces, *ADDED])}
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    next_bos = {"SpecialToken": {"id": "<s>", "type_id": 1}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    next_text = {"Sequence": {"id": "B", "type_id": 1}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": ids[token],
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": token not in KEEPS_SPACE,
                "normalized": False,
                "special": token not in NOT_SPECIAL,
            }
            for token in (*_BASE[:3], *ADDED)
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, text],
            "pair": [bos, text, next_bos, next_text],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {token: ids[token] for token in pieces},
            "merges": merges,
        },
    }
