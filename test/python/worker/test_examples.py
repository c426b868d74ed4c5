"""What is learnt is the answers and their ends, and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker import phi3_v  # noqa: F401  (registers the Auto classes)
from captune_worker.examples import (
    IGNORED,
    Encoder,
    Example,
    by_regime,
    collate,
    collate_prompts,
)
from captune_worker.rows import BadRow, Message, Row
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoProcessor

from worker.conftest import picture, question

ANSWERS = ["yes", "A long answer, with commas.", "émoji 🛩 and\nnewline", " spaced "]


@pytest.fixture(scope="module")
def processor(checkpoint: Path):
    return AutoProcessor.from_pretrained(checkpoint, num_crops=4)


@pytest.fixture(scope="module")
def encoder(processor) -> Encoder:
    return Encoder(processor)


def conversation() -> Row:
    """Three turns, three pictures in two of them, a system message."""
    first, second, third = picture((60, 40)), picture((40, 60)), picture((500, 100))
    messages = (
        Message("system", ("Be brief.",)),
        Message("user", (first, "What is it?")),
        Message("assistant", ("A plane, red.",)),
        Message("user", ("And these: ", second, third, "?")),
        Message("assistant", ("Two more,\none of them wide.",)),
        Message("user", ("Sure?",)),
        Message("assistant", ("Yes 🛩",)),
    )
    return Row(place="here", messages=messages, references=("Yes 🛩",))


def learnt(example: Example, tokenizer: Any) -> str:
    return tokenizer.decode([one for one in example.labels if one != IGNORED])


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_labelled_tokens_are_the_answer(processor, encoder, answer: str) -> None:
    example = encoder.encode(question(answer, picture()))
    batch = collate([example], processor.tokenizer.pad_token_id)
    labels = batch.labels[batch.labels != IGNORED]
    assert processor.tokenizer.decode(labels) == f"{answer}<|end|>"
    positions = (batch.labels != IGNORED).nonzero()[:, 1]
    assert torch.equal(batch.input_ids[0, positions], labels)
    assert positions.tolist() == list(range(positions[0], batch.input_ids.shape[1]))


def test_every_turn_of_the_assistant_is_learnt_and_nothing_else(
    processor, encoder
) -> None:
    row = conversation()
    example = encoder.encode(row)
    said = [one.text for one in row.messages if one.role == "assistant"]
    spans = [
        (span.kind, processor.tokenizer.decode(span.ids * span.repeat))
        for span in example.spans
        if span.is_trained
    ]
    assert spans == [pair for t in said for pair in (("answer", t), ("end", "<|end|>"))]
    assert example.answer_tokens == sum(one != IGNORED for one in example.labels)


def test_several_pictures_stand_where_they_are_shown(processor, encoder) -> None:
    row = conversation()
    example = encoder.encode(row)
    counts = [len(span) for span in example.spans if span.kind == "image"]
    visual = processor.image_processor.visual_tokens
    assert counts == [visual(60, 40), visual(40, 60), visual(500, 100)]
    assert [view.picture for view in example.views()] == row.pictures


def test_a_conversation_is_tokenised_as_the_processor_does(processor, encoder) -> None:
    row = conversation()
    example = encoder.encode(row)
    content = [
        {
            "role": one.role,
            "content": one.text
            if one.role == "assistant"
            else [
                {"type": "text", "text": part}
                if isinstance(part, str)
                else {"type": "image"}
                for part in one.parts
            ],
        }
        for one in row.messages
    ]
    counts = [
        processor.image_processor.visual_tokens(*one.size) for one in row.pictures
    ]
    whole = processor.prompt_ids(processor.apply_chat_template(content), counts)
    assert whole[: example.length] == example.ids
    asked = processor.apply_chat_template(content[:-1], add_generation_prompt=True)
    assert example.prompt_ids == processor.prompt_ids(asked, counts)


# Hypothesis also tries texts that it finds in the code, the format's signs among them.
SIGN = re.compile(r"<\|.*?\|>|</?s>|<unk>", re.DOTALL)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1
).filter(lambda text: not SIGN.search(text))


@given(prompt=TEXTS, answer=TEXTS.filter(str.strip))
def test_any_text_is_learnt_to_the_letter(processor, encoder, prompt, answer) -> None:
    example = encoder.encode(question(answer, picture(), prompt=prompt))
    assert learnt(example, processor.tokenizer) == f"{answer}<|end|>"
    assert example.length == len(example.ids) == len(example.labels)


@pytest.mark.parametrize(
    "sign", ["<|end|>", "<|image_1|>", "<|user|>", "<|image|>", "</s>", "\x00"]
)
def test_signs_of_the_models_own_format_are_refused(encoder, sign: str) -> None:
    for row in (
        question(f"a {sign} b", picture()),
        question("a", picture(), prompt=f"a {sign} b"),
    ):
        (made,) = encoder.encode_all([row])
        assert isinstance(made, BadRow)
        assert made.code == "TEXT_RESERVED"
        assert repr(sign) in made.reason


def test_a_picture_without_a_short_side_is_refused(encoder) -> None:
    (made,) = encoder.encode_all([question("yes", picture((3_000, 1)))])
    assert isinstance(made, BadRow)
    assert made.code == "PICTURE_THIN"


def test_the_prompt_is_the_models_own_format(processor, encoder) -> None:
    example = encoder.encode(question("yes", picture()))
    ids = [one for one in example.prompt_ids if one != processor.image_token_id]
    assert processor.tokenizer.decode(ids).startswith("<s><|user|>")
    assert example.prompt_ids[-1] == processor.tokenizer.convert_tokens_to_ids(
        "<|assistant|>"
    )
    assert example.prompt_ids.count(processor.image_token_id) == example.visual_tokens


def test_prompt_and_answer_are_tokenised_as_one_text_would_be(
    processor, encoder
) -> None:
    example = encoder.encode(question("yes, it is", picture()))
    text = processor.apply_chat_template(
        [{"role": "user", "content": "What is it?"}], add_generation_prompt=True
    )
    joint = processor.tokenizer(f"{text}yes, it is<|end|>").input_ids
    assert joint[-example.answer_tokens :] == example.ids[-example.answer_tokens :]


def test_placeholders_follow_the_size_that_people_see(processor, encoder) -> None:
    wide = encoder.encode(question("yes", picture((900, 300))))
    tall = encoder.encode(question("yes", picture((300, 900))))
    count = processor.image_processor.visual_tokens
    assert wide.visual_tokens == count(900, 300)
    assert tall.visual_tokens == count(300, 900) != wide.visual_tokens


def test_padding_on_the_right_to_train_and_on_the_left_to_generate(
    processor, encoder
) -> None:
    pad = processor.tokenizer.pad_token_id
    rows = [question(answer, picture()) for answer in ANSWERS] + [conversation()]
    examples = [encoder.encode(row) for row in rows]
    batch = collate(examples, pad)
    for index, example in enumerate(examples):
        length = batch.lengths[index]
        assert length == example.length
        assert batch.input_ids[index, :length].tolist() == example.ids
        assert batch.labels[index, :length].tolist() == example.labels
        assert (batch.input_ids[index, length:] == pad).all()
        assert (batch.labels[index, length:] == IGNORED).all()
    assert [view.picture for view in batch.views] == [
        one for row in rows for one in row.pictures
    ]
    input_ids, attention_mask = collate_prompts(examples, pad)
    for index, example in enumerate(examples):
        start = input_ids.shape[1] - len(example.prompt_ids)
        assert example.prompt_length == len(example.prompt_ids)
        assert input_ids[index, start:].tolist() == example.prompt_ids
        assert attention_mask[index].tolist() == [0] * start + [1] * len(
            example.prompt_ids
        )


def test_rows_of_two_rope_regimes_never_share_a_batch(encoder) -> None:
    words = [3, 90, 5, 80, 4, 2, 70]
    examples = [encoder.encode(question("a " * n, picture())) for n in words]
    limit = examples[0].length + 40
    batches = list(by_regime(examples, limit, 2))
    assert [[words[examples.index(one)] for one in batch] for batch in batches] == [
        [3, 5],
        [4, 2],
        [90, 80],
        [70],
    ]
