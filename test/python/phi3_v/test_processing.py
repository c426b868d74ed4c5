"""Prompts, tags and pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captune_worker.phi3_v import (
    Phi3VImageProcessor,
    Phi3VProcessor,
    tiling,
    visual_tokens,
)
from PIL import Image
from transformers import (
    AutoProcessor,
    AutoTokenizer,
    LlamaTokenizer,
)
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from .tiny import IDS, picture

IMAGE, PAD = IDS["<|image|>"], IDS["<|endoftext|>"]
USER, END, ASSISTANT = IDS["<|user|>"], IDS["<|end|>"], IDS["<|assistant|>"]
SPACE, NEWLINE = IDS["\u2581"], IDS["<0x0A>"]


def letters(text: str) -> list[int]:
    return [IDS[letter] for letter in text]


def placeholders(width: int, height: int) -> list[int]:
    return [IMAGE] * visual_tokens(width, height, 4, 4)


def test_a_prompt_without_pictures(processor: Any) -> None:
    prompt = "<|user|>\nHi.<|end|>\n<|assistant|>\n"
    ids = [1, USER, SPACE, NEWLINE, *letters("Hi."), END, SPACE, NEWLINE, ASSISTANT]
    out = processor(prompt)
    assert set(out) == {"input_ids", "attention_mask"}
    assert out["input_ids"].tolist() == [ids]
    assert out["attention_mask"].tolist() == [[1] * len(ids)]
    assert processor.tokenizer(prompt).input_ids == ids


def test_every_stretch_of_text_starts_anew(processor: Any) -> None:
    out = processor(
        "<|user|>\n<|image_1|>\n<|image_2|>A<|end|>\n<|assistant|>\n",
        [picture(600, 300), picture(300, 1200)],
    )
    assert out["input_ids"].tolist() == [
        [1, USER, SPACE, NEWLINE]
        + placeholders(600, 300)
        + [1, SPACE, NEWLINE]
        + placeholders(300, 1200)
        + [1, SPACE, *letters("A"), END, SPACE, NEWLINE, ASSISTANT]
    ]
    # An empty stretch is a stretch too.
    out = processor("<|image_1|>", picture(336, 336))
    assert out["input_ids"].tolist() == [[1] + placeholders(336, 336) + [1]]


def test_golden_ids(hub: Path) -> None:
    """Recorded from the original: two pictures of 16:9, at most four tiles."""
    processor = AutoProcessor.from_pretrained(hub, num_crops=4)
    text = "Summarize the deck of slides."
    ids = [
        11139,
        3034,
        675,
        278,
        19810,
        310,
        2243,
        2247,
        29889,
        32007,
        29871,
        13,
        32001,
    ]
    out = processor(f"<|user|>\n{text}<|end|>\n<|assistant|>\n")
    assert out["input_ids"].tolist() == [[1, 32010, 29871, 13, *ids]]
    wide = picture(1280, 720)
    out = processor(
        f"<|user|>\n<|image_1|>\n<|image_2|>\n{text}<|end|>\n<|assistant|>\n",
        [wide, wide],
    )
    assert out["input_ids"].tolist() == [
        [1, 32010, 29871, 13]
        + [32044] * 757
        + [1, 29871, 13]
        + [32044] * 757
        + [1, 29871, 13, *ids]
    ]
    assert out["input_ids"].shape == (1, 1537)


def test_pictures_go_to_the_tag_that_names_them(processor: Any) -> None:
    wide, tall = picture(600, 300, 1), picture(300, 1200, 2)
    straight = processor("<|image_1|> and <|image_2|>", [wide, tall])
    crossed = processor("<|image_2|> and <|image_1|>", [tall, wide])
    for name in straight:
        assert torch.equal(straight[name], crossed[name])
    assert straight["image_sizes"].tolist() == [[336, 672], [1344, 336]]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_is_its_rows_padded(processor: Any, side: str) -> None:
    texts = ["<|image_2|>x<|image_1|>", "no picture", "<|image_1|>"]
    pictures = [[picture(336, 336), picture(600, 300)], None, picture(300, 1200)]
    batch = processor(texts, pictures, padding_side=side)
    images = []
    for number, (text, entry) in enumerate(zip(texts, pictures)):
        row = processor(text, entry)
        images += [row[k] for k in row if k == "pixel_values"]
        ids = row["input_ids"][0].tolist()
        padding = batch["input_ids"].shape[1] - len(ids)
        pads, ones = [PAD] * padding, [1] * len(ids)
        padded = pads + ids if side == "left" else ids + pads
        mask = [0] * padding + ones if side == "left" else ones + [0] * padding
        assert batch["input_ids"][number].tolist() == padded
        assert batch["attention_mask"][number].tolist() == mask
    # Padded to the largest picture of the batch (a square and a tower have 5 tiles).
    assert batch["pixel_values"].shape == (3, 5, 3, 336, 336)
    assert batch["image_sizes"].tolist() == [[336, 672], [672, 672], [1344, 336]]
    assert batch["pixel_values"][0, 3:].abs().sum() == 0
    assert torch.equal(batch["pixel_values"][2], images[1][0])


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [
        ("<|image_1|><|image_1|>", 1, "2 times"),
        ("<|image_1|><|image_3|>", 2, "without a gap"),
        ("<|image_0|>", 1, "without a gap"),
        ("<|image_2|>", 1, "without a gap"),
        ("<|image_1|>", 2, "1 image tags came with 2 pictures"),
        ("<|image_1|>", 0, "1 image tags came with 0 pictures"),
        ("none", 1, "0 image tags came with 1 pictures"),
        ("<|image|>", 0, "as text"),
    ],
)
def test_tags_that_do_not_fit(
    processor: Any, text: str, count: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        processor(text, [picture(40, 40) for _ in range(count)])


def test_other_refusals(processor: Any) -> None:
    with pytest.raises(ValueError, match="2 prompts need as many entries"):
        processor(["<|image_1|>", "x"], [picture(40, 40)])
    with pytest.raises(ValueError, match="no prompt"):
        processor([])
    with pytest.raises(ValueError, match="padding_side"):
        processor("x", padding_side="both")
    with pytest.raises(ValueError, match="return_tensors"):
        processor("x", return_tensors="np")
    with pytest.raises(TypeError, match="PIL image"):
        processor("<|image_1|>", [torch.zeros(3, 4, 4)])


def test_pictures_of_any_mode_and_from_files(tmp_path: Path) -> None:
    images = Phi3VImageProcessor(num_crops=4)
    drawn = picture(90, 70)
    drawn.save(tmp_path / "drawn.png")
    expected = images(drawn)["pixel_values"]
    assert torch.equal(images(str(tmp_path / "drawn.png"))["pixel_values"], expected)
    grey = drawn.convert("L")
    same = grey.convert("RGB")
    assert torch.equal(images(grey)["pixel_values"], images(same)["pixel_values"])
    assert drawn.mode == "RGB" and drawn.size == (90, 70)


def test_geometry_against_an_independent_reading() -> None:
    """Every pixel of the tiles, remade from the description in plain numpy terms."""
    images = Phi3VImageProcessor(num_crops=4)
    drawn = picture(70, 90)
    tiles = images(drawn)["pixel_values"][0]
    lying = drawn.transpose(Image.Transpose.TRANSPOSE).resize((672, 522), 2)
    canvas = torch.full((672, 672, 3), 255.0)
    canvas[75 : 75 + 522] = torch.from_numpy(np.array(lying)).float()
    canvas = canvas.transpose(0, 1) / 255
    mean, std = torch.tensor(images.image_mean), torch.tensor(images.image_std)
    canvas = (canvas - mean) / std
    for number, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)], start=1):
        part = canvas[row * 336 :, column * 336 :][:336, :336]
        torch.testing.assert_close(tiles[number], part.permute(2, 0, 1))
    assert tiles.shape == (5, 3, 336, 336)


def test_save_and_load(processor: Any, checkpoint: Path, tmp_path: Path) -> None:
    assert processor.image_processor.num_crops == 4
    hubs = AutoProcessor.from_pretrained(checkpoint)
    assert hubs.image_processor.num_crops == 16
    processor.save_pretrained(tmp_path)
    text = (tmp_path / "processor_config.json").read_text("utf-8")
    assert "auto_map" not in text and '"Phi3VProcessor"' in text
    # The folder has no config.json: nothing but the saved files tells the classes.
    again = AutoProcessor.from_pretrained(tmp_path)
    assert type(again) is Phi3VProcessor
    assert again.image_processor.to_dict() == processor.image_processor.to_dict()
    assert again.chat_template == processor.chat_template
    prompt = "<|user|>\n<|image_1|>\nHi <|end|>\n<|assistant|>\n"
    first, second = (p(prompt, picture(90, 70)) for p in (processor, again))
    for name in first:
        assert torch.equal(first[name], second[name])
    again.image_processor.save_pretrained(tmp_path / "images")
    images = AutoImageProcessor.from_pretrained(tmp_path / "images", num_crops=2)
    assert (type(images), images.num_crops) == (Phi3VImageProcessor, 2)
    assert images.num_img_tokens == 4


def test_a_tokenizer_that_loses_spaces_is_refused(checkpoint: Path) -> None:
    images = Phi3VImageProcessor(num_crops=4, num_img_tokens=4)
    llama = LlamaTokenizer.from_pretrained(checkpoint)
    with pytest.raises(ValueError, match="does not split text"):
        Phi3VProcessor(images, llama)
    Phi3VProcessor(images, AutoTokenizer.from_pretrained(checkpoint))


def test_token_counts_follow_the_image_processor() -> None:
    images = Phi3VImageProcessor(num_crops=9, num_img_tokens=16)
    sizes = [(90, 70), (70, 90), (1000, 30), (5, 5)]
    out = images([picture(*size) for size in sizes])
    expected = [images.visual_tokens(*size) for size in sizes]
    assert images.token_counts(out["image_sizes"]) == expected
    assert images.visual_tokens(90, 70, num_crops=1) == tiling.grid_tokens(1, 1, 4)
    with pytest.raises(ValueError, match="square number"):
        Phi3VImageProcessor(num_img_tokens=143)


def test_prompt_ids_need_no_pictures(processor: Any) -> None:
    prompt, sizes = "a<|image_2|>b<|image_1|>", [(90, 70), (30, 90)]
    counts = [processor.image_processor.visual_tokens(*size) for size in sizes]
    expected = processor(prompt, [picture(*size) for size in sizes])["input_ids"]
    assert processor.prompt_ids(prompt, counts) == expected[0].tolist()
    with pytest.raises(ValueError, match="2 image tags came with 1 pictures"):
        processor.prompt_ids(prompt, counts[:1])


def test_chat_template_of_plain_messages(processor: Any, hub: Path) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "<|image_1|>\nWhat is it?"},
        {"role": "assistant", "content": "A plane."},
        {"role": "user", "content": "Which one?"},
    ]
    released = AutoTokenizer.from_pretrained(hub)
    for turns in (messages, messages[:3]):
        for generation in (True, False):
            options = {"tokenize": False, "add_generation_prompt": generation}
            ours = processor.apply_chat_template(turns, **options)
            assert ours == released.apply_chat_template(turns, **options)


def test_chat_template_of_parts(processor: Any) -> None:
    drawn, tall = picture(90, 70), picture(30, 90)
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "image", "image": drawn},
                {"type": "image", "image": tall},
                {"type": "text", "text": "Compare."},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "No."}]},
        {"role": "user", "content": [{"type": "text", "text": "Why?"}]},
    ]
    prompt = (
        "<|user|>\n<|image_1|>\n<|image_2|>\nCompare.<|end|>\n"
        "<|assistant|>\nNo.<|end|>\n<|user|>\nWhy?<|end|>\n<|assistant|>\n"
    )
    text = processor.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert text == prompt
    out = processor.apply_chat_template(
        messages, tokenize=True, return_dict=True, add_generation_prompt=True
    )
    expected = processor(prompt, [drawn, tall])
    for name in expected:
        assert torch.equal(out[name], expected[name])
    batch = processor.apply_chat_template(
        [messages, messages[2:]], tokenize=True, return_dict=True
    )
    assert len(batch["input_ids"]) == 2 and len(batch["pixel_values"]) == 2
    with pytest.raises(Exception, match="text and images, not video"):
        processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "video"}]}], tokenize=False
        )


def test_decoding_is_possible(processor: Any) -> None:
    out = processor("<|image_1|>Hi there", picture(40, 40))
    text = processor.batch_decode(out["input_ids"], skip_special_tokens=True)
    assert text == ["Hi there"]
