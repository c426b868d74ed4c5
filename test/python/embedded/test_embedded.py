"""The embedded model: how it was made, and what it can do before any fine-tuning."""

import hashlib
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker import phi3_v  # noqa: F401 - registers the model
from captune_worker.airplanes import (
    DOMAIN_PROMPT,
    GENERIC_PROMPTS,
    draw,
    pretraining_scene,
)
from captune_worker.airplanes.chance import rng_for
from captune_worker.airplanes.fleet import AIRCRAFT_NAMES
from captune_worker.embedded import pretrain as script
from captune_worker.embedded.architecture import NUM_CROPS, write_configuration
from captune_worker.embedded.captions import (
    KEYWORDS_PROMPT,
    PHRASES,
    exchange,
    keywords,
    phrases,
)
from captune_worker.embedded.pictures import picture_tiles
from captune_worker.embedded.speaking import Chat, assemble
from captune_worker.embedded.tokenizer import train_tokenizer, write_tokenizer
from captune_worker.examples import IGNORED, Encoder
from captune_worker.hub import EMBEDDED
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import AutoModelForImageTextToText, AutoProcessor
from worker.conftest import picture, question

FOLDER = EMBEDDED["captune/airplanes-tiny"]
UNSEEN = 9_001
"""A seed that pre-training does not use."""


@pytest.fixture(scope="module")
def processor() -> Any:
    return AutoProcessor.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForImageTextToText.from_pretrained(FOLDER, dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(FOLDER / "tokenizer.json"))


def ask(model: Any, processor: Any, prompt: str, scenes: list[Any]) -> list[str]:
    content = [{"type": "image"}, {"type": "text", "text": prompt}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    inputs = processor(
        text=[text] * len(scenes),
        images=[[draw(scene)] for scene in scenes],
    )
    said = model.generate(**inputs, max_new_tokens=64, do_sample=False)
    return processor.batch_decode(
        said[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
    )


def test_the_folder_is_what_the_script_writes_but_for_weights(tmp_path: Path) -> None:
    trained = train_tokenizer(script._texts())
    write_tokenizer(tmp_path, trained)
    write_configuration(tmp_path, trained)
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    lying = {file.name: file.read_bytes() for file in FOLDER.iterdir()}
    assert lying.pop("model.safetensors")
    assert lying == written


def test_two_short_trainings_give_the_same_bytes(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    digests = set()
    for name in ("one", "two"):
        script.pretrain(tmp_path / name, seen=24, spoken_of=16)
        content = (tmp_path / name / "model.safetensors").read_bytes()
        digests.add(hashlib.sha256(content).hexdigest())
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)
    assert len(digests) == 1
    shipped = hashlib.sha256((FOLDER / "model.safetensors").read_bytes())
    assert digests != {shipped.hexdigest()}


def test_it_is_small_and_whole(model: Any) -> None:
    config = json.loads((FOLDER / "config.json").read_text())
    assert sum(one.numel() for one in model.parameters()) == 1_765_312
    assert config["rope_scaling"]["type"] == "su"
    assert config["original_max_position_embeddings"] == 512
    assert all(torch.isfinite(one).all() for one in model.parameters())


def test_it_has_seen_no_name_of_an_aircraft() -> None:
    for number in range(500):
        rng = rng_for("test of captions", number)
        scene = pretraining_scene(UNSEEN, number)
        said = [exchange(scene, rng), keywords(scene)]
        text = " ".join(part.lower() for one in said for part in one)
        assert not [name for name in AIRCRAFT_NAMES if name in text]
        assert DOMAIN_PROMPT.lower() not in text


def test_every_phrase_is_known() -> None:
    said = {
        phrase
        for number in range(500)
        for phrase in phrases(pretraining_scene(UNSEEN, number))
    }
    assert said == set(PHRASES)
    assert len(PHRASES) == len(set(PHRASES))


@pytest.mark.parametrize("crops", [1, NUM_CROPS])
def test_fast_tiles_are_the_processors(processor: Any, crops: int) -> None:
    scenes = [pretraining_scene(UNSEEN, number) for number in range(12)]
    tiles, sizes = picture_tiles(scenes, crops)
    exact = AutoProcessor.from_pretrained(FOLDER, num_crops=crops).image_processor(
        [draw(scene) for scene in scenes], return_tensors="pt"
    )
    assert torch.equal(sizes, exact["image_sizes"])
    assert tiles.shape == exact["pixel_values"].shape
    off = (tiles - exact["pixel_values"]).abs()
    # One step of a colour is 1 / 255 / 0.26 here.
    assert off.max() < 2 / 255 / 0.26
    assert off.mean() < 0.001


def test_chats_are_the_processors(processor: Any, tokenizer: Tokenizer) -> None:
    chat = Chat(tokenizer)
    for number in range(20):
        rng = random.Random(number)
        scene = pretraining_scene(UNSEEN, number)
        said = exchange(scene, rng)
        row = question(
            said.answer, picture((scene.width, scene.height)), prompt=said.prompt
        )
        example = Encoder(processor).encode(row)
        answer_ids = example.ids[-example.answer_tokens :]
        ids, labels = chat.branch(said, rng, spelled_out=0)
        pictures = [chat.image] * example.visual_tokens
        image = tokenizer.token_to_id("<|image|>")
        wanted = [image if token < 0 else token for token in example.prompt_ids]
        assert [*chat.opening, *pictures, *ids] == [*wanted, *answer_ids]
        assert labels[-len(answer_ids) :] == answer_ids
        learnt = [label for label in labels if label != IGNORED]
        assert tokenizer.decode(learnt).replace("\n", "") == (
            f"{said.prompt} {said.answer}"
        )


def test_branches_are_rows_of_their_own(model: Any, tokenizer: Tokenizer) -> None:
    chat = Chat(tokenizer)
    scenes = [pretraining_scene(UNSEEN, number) for number in range(3)]
    features = model.get_image_features(*picture_tiles(scenes, NUM_CROPS))
    visual = [len(one) for one in features]
    branches = [
        [
            chat.branch(exchange(scene, random.Random(n)), random.Random(n))
            for n in "abc"
        ]
        for scene in scenes
    ]

    def losses(chosen: Any, counts: list[int], pictures: list[Any]) -> torch.Tensor:
        rows = assemble(chat, chosen, counts)
        logits = model(
            input_ids=rows.input_ids,
            image_features=pictures,
            position_ids=rows.position_ids,
            attention_mask=rows.mask,
            row_lengths=torch.ones(len(counts), dtype=torch.long),
            use_cache=False,
        ).logits
        return functional.cross_entropy(
            logits.flatten(0, 1), rows.targets.flatten(), reduction="sum"
        )

    with torch.no_grad():
        together = losses(branches, visual, features)
        apart = sum(
            losses([[one]], [count], [picture])
            for own, count, picture in zip(branches, visual, features, strict=True)
            for one in own
        )
    assert math.isclose(together.item(), apart.item(), rel_tol=1e-5)


def test_it_tells_what_can_be_seen(model: Any, processor: Any) -> None:
    scenes = [pretraining_scene(UNSEEN, number) for number in range(64)]
    answers = ask(model, processor, KEYWORDS_PROMPT, scenes)
    hits = dict.fromkeys(range(len(phrases(scenes[0]))), 0)
    for scene, answer in zip(scenes, answers, strict=True):
        said = answer.split(",")
        for place, phrase in enumerate(phrases(scene)):
            hits[place] += said[place : place + 1] == [phrase]
    body, engines, tail, mark, sky, position, facing, size = (
        hit / len(scenes) for hit in hits.values()
    )
    assert min(tail, sky, position, facing) >= 0.95
    assert min(body, engines, mark, size) >= 0.8


def test_it_captions_in_sentences(model: Any, processor: Any) -> None:
    scenes = [pretraining_scene(UNSEEN, 100 + number) for number in range(16)]
    captions = ask(model, processor, GENERIC_PROMPTS[0], scenes)
    right = sum(
        f"{scene.tail} tail" in caption.lower()
        for scene, caption in zip(scenes, captions, strict=True)
    )
    assert right >= 14
