"""A tokenizer with the hub's pipeline and special tokens over bytes and ASCII."""

import json
from pathlib import Path
from typing import Any

# The vocabulary: unk, BOS, EOS, 256 bytes, the space mark, printable ASCII, then the 45
# added tokens in the hub's order. Of those these do not take the white space after
# them.
KEEP_SPACE = {"<|endoftext|>", "<|system|>", "<|end|>", "<|user|>"}
ADDED = [
    "<|endoftext|>",
    "<|assistant|>",
    *(f"<|placeholder{n}|>" for n in range(1, 5)),
    "<|system|>",
    "<|end|>",
    "<|placeholder5|>",
    "<|placeholder6|>",
    "<|user|>",
    *(f"<|placeholder{n}|>" for n in range(7, 40)),
    "<|image|>",
]
PIECES = [
    *("<unk>", "<s>", "</s>"),
    *(f"<0x{byte:02X}>" for byte in range(256)),
    "\u2581",
    *(chr(code) for code in range(33, 127)),
]
IDS = {token: number for number, token in enumerate(PIECES + ADDED)}
# Spare rows, as the released vocabulary has them.
VOCABULARY = len(IDS) + 16


def write_tokenizer(folder: Path) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``."""
    special = [("<unk>", False, True), ("<s>", False, True), ("</s>", True, False)]
    special += [(token, token not in KEEP_SPACE, True) for token in ADDED]
    flags = {"single_word": False, "lstrip": False, "normalized": False}
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": IDS[token],
                "content": token,
                "rstrip": rstrip,
                "special": is_special,
            }
            | flags
            for token, rstrip, is_special in special
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, text],
            "pair": [bos, text, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": {token: IDS[token] for token in PIECES},
            "merges": [],
        },
    }
    write_json(folder / "tokenizer.json", tokenizer)
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": "<s>",
            "clean_up_tokenization_spaces": False,
            "eos_token": "<|endoftext|>",
            "legacy": False,
            "model_max_length": 131072,
            "pad_token": "<|endoftext|>",
            "padding_side": "right",
            "tokenizer_class": "LlamaTokenizer",
            "unk_token": "<unk>",
        },
    )


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
