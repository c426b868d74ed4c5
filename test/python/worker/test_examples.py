"""What is learnt is the answer and its end, and nothing else."""

from pathlib import Path

import pytest
import torch
from captune_worker.data import Row
from captune_worker.examples import IGNORED, collate, collate_prompts, encode_row
from captune_worker.model import phi3_v  # noqa: F401  (registers the Auto classes)
from transformers import AutoProcessor

ANSWERS = ["yes", "A long answer, with commas.", "émoji 🛩 and\nnewline", " spaced "]


@pytest.fixture(scope="module")
def processor(checkpoint: Path):
    return AutoProcessor.from_pretrained(checkpoint, num_crops=4)


def row(answer: str, size: tuple[int, int] = (60, 40)) -> Row:
    return Row(image=Path("x.png"), size=size, prompt="What is it?", answer=answer)


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_labelled_tokens_are_the_answer(processor, answer: str) -> None:
    batch = collate(
        [encode_row(row(answer), processor)], processor.tokenizer.pad_token_id
    )
    learnt = batch.labels[batch.labels != IGNORED]
    assert processor.tokenizer.decode(learnt) == f"{answer}<|end|>"
    positions = (batch.labels != IGNORED).nonzero()[:, 1]
    assert torch.equal(batch.input_ids[0, positions], learnt)
    assert positions.tolist() == list(range(positions[0], batch.input_ids.shape[1]))


def test_the_prompt_is_the_models_own_format(processor) -> None:
    example = encode_row(row("yes"), processor)
    ids = [one for one in example.prompt_ids if one != processor.image_token_id]
    assert processor.tokenizer.decode(ids).startswith("<s><|user|>")
    assert example.prompt_ids[-1] == processor.tokenizer.convert_tokens_to_ids(
        "<|assistant|>"
    )
    assert example.prompt_ids.count(processor.image_token_id) == example.visual_tokens


def test_prompt_and_answer_are_tokenised_as_one_text_would_be(processor) -> None:
    example = encode_row(row("yes, it is"), processor)
    text = processor.apply_chat_template(
        [{"role": "user", "content": "What is it?"}], add_generation_prompt=True
    )
    joint = processor.tokenizer(f"{text}yes, it is<|end|>").input_ids
    assert joint[-len(example.answer_ids) :] == example.answer_ids


def test_placeholders_follow_the_size_that_people_see(processor) -> None:
    wide = encode_row(row("yes", (900, 300)), processor)
    tall = encode_row(row("yes", (300, 900)), processor)
    count = processor.image_processor.visual_tokens
    assert wide.visual_tokens == count(900, 300)
    assert tall.visual_tokens == count(300, 900) != wide.visual_tokens


def test_padding_on_the_right_to_train_and_on_the_left_to_generate(processor) -> None:
    pad = processor.tokenizer.pad_token_id
    examples = [encode_row(row(answer), processor) for answer in ANSWERS]
    batch = collate(examples, pad)
    for index, example in enumerate(examples):
        length = batch.lengths[index]
        assert length == example.length
        whole = example.prompt_ids + example.answer_ids
        assert batch.input_ids[index, :length].tolist() == whole
        assert (batch.input_ids[index, length:] == pad).all()
        assert (batch.labels[index, length:] == IGNORED).all()
    mixed = [
        encode_row(row("x", (900, 300)), processor),
        encode_row(row("x"), processor),
    ]
    input_ids, attention_mask = collate_prompts(mixed, pad)
    for index, example in enumerate(mixed):
        start = input_ids.shape[1] - len(example.prompt_ids)
        assert input_ids[index, start:].tolist() == example.prompt_ids
        assert attention_mask[index].tolist() == [0] * start + [1] * len(
            example.prompt_ids
        )
