"""A damaged adapter is put on the model whole, or refused."""

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker.attachment import attach_adapter
from captune_worker.checkpoint import damage, write_folder
from captune_worker.errors import Refusal
from captune_worker.phi3_v import Phi3VForCausalLM
from peft import LoraConfig, get_peft_model
from phi3_v import tiny

from fuzz.conftest import TRAPS, amount, damaged

FILES = amount(40, 150)
MANIFESTS = amount(100, 200)
VALUES = [
    *(None, True, -1, 0, 1e308, 2**70, "", "x", [], {}, [[]], {"a": 1}, "../x"),
    *("(", ".*", ["o_proj"], "all-linear", "LORA", "IA3", ["("], [1], float("nan")),
]
JSON_TRAPS = [*TRAPS, *(json.dumps(one).encode() for one in VALUES)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny.write_checkpoint(folder)
    return Phi3VForCausalLM.from_pretrained(folder)


@pytest.fixture
def adapter(base: Any, tmp_path: Path) -> Path:
    config = LoraConfig(r=2, target_modules=["o_proj"], task_type="CAUSAL_LM")
    folder = tmp_path / "adapter"
    get_peft_model(copy.deepcopy(base), config).save_pretrained(
        folder, save_embedding_layers=False
    )
    return folder


def other_json(chance: random.Random, content: bytes) -> bytes:
    if chance.random() < 0.3:
        return damaged(chance, content, JSON_TRAPS)
    config = json.loads(content)
    for _ in range(chance.choice((1, 1, 2))):
        match chance.randrange(3):
            case 0:
                config[chance.choice(list(config))] = chance.choice(VALUES)
            case 1:
                config.pop(chance.choice(list(config)))
            case 2:
                config[chance.choice(("__proto__", "auto_mapping", "é"))] = 1
    return json.dumps(config).encode()


def other_bytes(chance: random.Random, content: bytes) -> bytes:
    sizes = [size.to_bytes(8, "little") for size in (0, 1, 2**32, 2**63, 2**64 - 1)]
    return damaged(chance, content, [*JSON_TRAPS, *sizes, b'"F64"', b"[9,9]"])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("adapter_config.json", other_json),
        ("adapter_model.safetensors", other_bytes),
    ],
)
def test_a_damaged_adapter(
    chance: random.Random, base: Any, adapter: Path, name: str, change: Callable
) -> None:
    attach_adapter(copy.deepcopy(base), None, adapter, "one", "adapters.one")
    content = (adapter / name).read_bytes()
    refused = 0
    for count in range(FILES):
        changed = change(chance, content)
        (adapter / name).write_bytes(changed)
        try:
            attach_adapter(copy.deepcopy(base), None, adapter, "one", "adapters.one")
        except Refusal as refusal:
            assert refusal.code == "MODEL_INVALID"
            assert refusal.issues[0].path == "adapters.one"
            refused += 1
        except Exception as error:
            raise AssertionError(f"file {count}: {changed!r}") from error
    assert refused > FILES / 10


def test_a_damaged_manifest(chance: random.Random, tmp_path: Path) -> None:
    path = tmp_path / "step-000001"
    write_folder(path, lambda folder: (folder / "state.json").write_text("{}") and None)
    assert damage(path) is None
    content = (path / "manifest.json").read_bytes()
    for count in range(MANIFESTS):
        changed = damaged(chance, content, [*JSON_TRAPS, b"[]", b'"files": 1'])
        (path / "manifest.json").write_bytes(changed)
        try:
            said = damage(path)
        except Exception as error:
            raise AssertionError(f"file {count}: {changed!r}") from error
        if said is None:
            assert json.loads(changed)["version"] == 1
