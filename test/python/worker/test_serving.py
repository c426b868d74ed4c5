"""A loaded model without its link: what it streams, draws, switches and forgets."""

import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker.attachment import attach_adapter
from captune_worker.errors import Canceled, Refusal
from captune_worker.link import WINDOW_EVENTS
from captune_worker.model import Answer
from captune_worker.pixels import Pool
from captune_worker.sampling import Sampling, draws
from captune_worker.serving.desk import Desk
from captune_worker.serving.loaded import LoadedModel, load
from captune_worker.serving.messages import (
    Download,
    Image,
    Load,
    Question,
    Text,
    Turn,
)
from captune_worker.serving.outbox import Outbox
from captune_worker.serving.questions import encode
from captune_worker.serving.server import serve
from captune_worker.serving.streaming import PieceStreamer, Until
from captune_worker.spec import Model
from captune_worker.wire import encode_event
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForImageTextToText

# PEFT asks transformers by an old name, and warns of adapters that others may bring.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`"),
    pytest.mark.filterwarnings("ignore::peft.utils.warning.PeftWarning"),
]


class Bytes:
    """Stands for a model whose tokens are bytes, 0 the end."""

    def read(self, ids: list[int]) -> Answer:
        ends = ids.index(0) if 0 in ids else None
        text = bytes(ids[:ends]).decode("utf-8", "replace")
        return Answer(text=text.strip(), tokens=len(ids), stopped=ends is not None)


def stream(rows: list[bytes]) -> tuple[list[list[str]], list[Answer]]:
    """What is told of each row as a batch of these bytes comes, and its answer."""
    pieces: list[list[str]] = [[] for _ in rows]
    answers: dict[int, Answer] = {}

    def on_answer(row: int, rest: str, answer: Answer) -> None:
        pieces[row].append(rest)
        answers[row] = answer

    streamer = PieceStreamer(
        Bytes(), len(rows), lambda row, text: pieces[row].append(text), on_answer
    )
    streamer.put(torch.zeros(len(rows), 5))  # the prompts
    for step in range(max(map(len, rows))):
        # Rows that have ended go on with padding.
        tokens = [row[step] if step < len(row) else 0 for row in rows]
        streamer.put(torch.tensor(tokens))
    streamer.end()
    streamer.close()
    return pieces, [answers[row] for row in range(len(rows))]


def test_pieces_and_rest_are_the_answer_whatever_the_bytes() -> None:
    texts = ["  é and 🛩 \n", "a  b", "", "cut off "]
    rows = [text.encode() + b"\0" for text in texts[:3]]
    rows.append((texts[3] * 9).encode()[: max(map(len, rows))])
    pieces, answers = stream(rows)
    assert ["".join(one) for one in pieces] == [one.text for one in answers]
    assert [one.text for one in answers[:3]] == ["é and 🛩", "a  b", ""]
    assert [one.stopped for one in answers] == [True, True, True, False]
    assert [one.tokens for one in answers] == [len(row) for row in rows]
    # Word by word, and never half a character.
    assert len(pieces[0]) > 3
    assert not any("\ufffd" in piece for one in pieces for piece in one)


def test_a_batch_ends_when_nobody_wants_it() -> None:
    ids = torch.zeros(2, 3)
    assert Until(lambda: False)(ids, None).tolist() == [True, True]
    assert Until(lambda: True)(ids, None).tolist() == [False, False]


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    """10,000 rows, of which each draws once; 4 standard deviations are allowed."""
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    rows = 10_000
    logits = probabilities.log().repeat(rows, 1)

    def shares(**changes: Any) -> torch.Tensor:
        settings = {"temperature": 1.0, "top_p": 1.0, "top_k": None, "seed": 7}
        chosen = draws(Sampling(**{**settings, **changes}), range(rows))(None, logits)
        return torch.bincount(chosen.argmax(-1), minlength=4) / rows

    def check(found: torch.Tensor, expected: torch.Tensor) -> None:
        deviation = (expected * (1 - expected) / rows).sqrt()
        assert ((found - expected).abs() <= 4 * deviation).all(), found

    check(shares(), probabilities)
    hot = (probabilities.log() / 2).softmax(0)
    check(shares(temperature=2.0), hot)
    check(shares(top_k=2), torch.tensor([0.625, 0.375, 0, 0]))
    check(shares(top_p=0.75), torch.tensor([0.625, 0.375, 0, 0]))
    assert (shares(seed=8) != shares(seed=7)).any()


def test_a_row_draws_the_same_in_any_company() -> None:
    logits = torch.randn(6, 50, generator=torch.manual_seed(1))
    sampling = Sampling(temperature=0.8, top_p=0.9, top_k=20, seed=3)
    together = draws(sampling, range(6))
    alone = [draws(sampling, [row]) for row in range(6)]
    for _ in range(3):
        whole = together(None, logits.clone())
        for row, own in enumerate(alone):
            assert torch.equal(own(None, logits[row : row + 1].clone())[0], whole[row])


def test_the_outbox_keeps_no_more_than_can_be_asked_for() -> None:
    outbox = Outbox()
    for number in range(1, 3 * WINDOW_EVENTS + 1):
        outbox.append(Download(done=number, total=0.0))
    read = 0
    while read < outbox.last:
        part = outbox.read(read + 1, 256)
        wanted = range(read + 1, read + 1 + len(part))
        assert part == [
            encode_event(Download(done=number, total=0.0)) for number in wanted
        ]
        read += len(part)
    assert outbox.kept <= WINDOW_EVENTS + 256
    # What may have been lost under way is still there.
    (again,) = outbox.read(read - WINDOW_EVENTS + 1, 1)
    assert again == encode_event(Download(done=read - WINDOW_EVENTS + 1, total=0.0))


def test_calls_wait_in_order_and_can_be_taken_back() -> None:
    inbox: queue.Queue[Any] = queue.Queue()
    desk = Desk(inbox)
    example = json.loads(
        (
            Path(__file__).parents[3] / "schemas/examples/serving-control.json"
        ).read_text()
    )["valid"][1]
    for number in (1, 2, 3):
        inbox.put({**example, "requestId": f"call-{number}"})
    inbox.put({"type": "cancel", "requestId": "call-2"})
    assert desk.next().request_id == "call-1"
    assert desk.is_wanted
    inbox.put({"type": "cancel", "requestId": "call-1"})
    assert not desk.is_wanted
    with pytest.raises(Canceled):
        desk.check()
    assert desk.next().request_id == "call-3"
    assert desk.is_wanted
    inbox.put({"type": "close"})
    assert not desk.is_wanted
    assert desk.next() is None


def test_a_refusal_tells_no_secret(tmp_path: Path) -> None:
    secret = "hf_plantedPlantedPlanted"
    inbox: queue.Queue[Any] = queue.Queue()
    load, *_ = json.loads(
        (
            Path(__file__).parents[3] / "schemas/examples/serving-control.json"
        ).read_text()
    )["valid"]
    load["model"]["nameOrPath"] = str(tmp_path / secret)
    inbox.put(load)
    said: list[Any] = []
    assert not serve(Desk(inbox), said.append, tmp_path, tmp_path)
    text = encode_event(said[-1]).decode(errors="replace")
    assert secret not in text
    assert str(tmp_path / "***") in text


def adapter_of(checkpoint: Path, folder: Path, seed: int, **settings: Any) -> Path:
    """An adapter that PEFT itself has made and saved, with weights that matter."""
    causal = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype="float32")
    config = LoraConfig(r=4, lora_alpha=64, task_type="CAUSAL_LM", **settings)
    peft = get_peft_model(causal, config)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in peft.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            parameter.data.normal_(std=0.5, generator=generator)
    peft.save_pretrained(folder, save_embedding_layers=False)
    return folder


ADAPTERS = {
    "train": {"target_modules": ["qkv_proj", "o_proj"]},
    "elsewhere": {"target_modules": ["down_proj"]},
    "dora": {"target_modules": ["qkv_proj", "down_proj"], "use_dora": True},
    "biased": {"target_modules": ["o_proj"], "lora_bias": True},
    "projector": {"target_modules": ["o_proj"], "modules_to_save": ["img_projection"]},
}
"""By names of which torch knows one as a method of every module."""


@pytest.fixture(scope="module")
def adapters(
    checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("adapters")
    return {
        name: adapter_of(checkpoint, root / name, seed, **settings)
        for seed, (name, settings) in enumerate(ADAPTERS.items())
    }


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool(0)
    yield made
    made.close()


def loaded_with(
    checkpoint: Path, folder: Path, pool: Pool, adapters: dict[str, Path]
) -> LoadedModel:
    wanted = Load(
        model=Model(
            name_or_path=str(checkpoint),
            revision=None,
            dtype="float32",
            attention="auto",
            image_crops=1,
        ),
        adapters={name: str(path) for name, path in adapters.items()},
        device="cpu",
        max_pixels=10**6,
    )
    return load(wanted, folder, folder, pool, lambda *_: None, lambda: None)


@torch.no_grad()
def logits(loaded: LoadedModel, adapter: str | None, rows: Path) -> torch.Tensor:
    picture = Image(path=str(rows.parent / "0.png"))
    asked = Turn(role="user", content=[picture, Text(text="What is it?")])
    (example,) = encode(
        [Question(messages=[asked])],
        loaded.processor,
        loaded.open_pictures(),
        loaded.longest,
    )
    with loaded.using(adapter) as model:
        features = model.features.of(example.views())
        ids = torch.tensor([example.prompt_ids])
        return model.causal(input_ids=ids, image_features=features).logits


def test_every_adapter_is_what_plain_peft_makes_of_it_and_the_base_stays_itself(
    checkpoint: Path,
    adapters: dict[str, Path],
    pool: Pool,
    rows: Path,
    tmp_path: Path,
) -> None:
    base = logits(loaded_with(checkpoint, tmp_path, pool, {}), None, rows)
    together = loaded_with(checkpoint, tmp_path, pool, adapters)
    parameters = sum(
        one.numel()
        for name, one in together.model.causal.named_parameters()
        if "lora_" not in name and "modules_to_save" not in name
    )
    whole = AutoModelForImageTextToText.from_pretrained(checkpoint)
    assert parameters == sum(one.numel() for one in whole.parameters())
    for _ in range(2):  # switching leaves no trace
        for name, path in adapters.items():
            answered = logits(together, name, rows)
            assert torch.equal(logits(together, None, rows), base)
            plain = loaded_with(checkpoint, tmp_path, pool, {})
            PeftModel.from_pretrained(plain.model.causal, path).eval()
            expected = logits(plain, None, rows)
            assert not torch.allclose(expected, base, atol=1e-2), name
            torch.testing.assert_close(answered, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"r": 8}, "of the shape [4, "),
        ({"target_modules": ["qkv_proj"]}, "which the model has not"),
        ({"target_modules": ["qkv_proj", "o_proj", "down_proj"]}, "lacks base_model"),
        ({"target_modules": ["no_proj"]}, "does not fit: "),
        ({"peft_type": "IA3"}, "holds no LoRA adapter"),
    ],
    ids=lambda one: None if isinstance(one, str) else json.dumps(one),
)
def test_an_adapter_of_another_model_is_refused(
    checkpoint: Path,
    adapters: dict[str, Path],
    tmp_path: Path,
    change: dict[str, Any],
    reason: str,
) -> None:
    for file in adapters["train"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / "adapter_config.json"
    settings = json.loads(config.read_bytes())
    config.write_text(json.dumps(settings | change))
    causal = AutoModelForImageTextToText.from_pretrained(checkpoint)
    with pytest.raises(Refusal) as caught:
        attach_adapter(causal, None, tmp_path, "one", "adapters.one")
    assert caught.value.code == "MODEL_INVALID"
    assert caught.value.issues[0].path == "adapters.one"
    assert reason in caught.value.issues[0].reason


def test_an_adapter_that_changes_the_base_is_refused(
    checkpoint: Path, pool: Pool, tmp_path: Path
) -> None:
    folder = adapter_of(
        checkpoint, tmp_path / "own", 1, target_modules=["o_proj"], bias="all"
    )
    with pytest.raises(Refusal) as caught:
        loaded_with(checkpoint, tmp_path, pool, {"own": folder})
    assert "biases" in caught.value.issues[0].reason
