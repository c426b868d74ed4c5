"""What an evaluation reports, against slow and independent computations."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker.control import Evaluate
from captune_worker.examples import Encoder
from captune_worker.pictures import read_image
from peft import PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor

from worker.conftest import Conduct, Conducted, picture, question

STEPS = 4


@pytest.fixture
def evaluated(conduct: Conduct, plain_spec: dict[str, Any]) -> Conducted:
    """A run that changes the model and evaluates it on its own training rows."""
    plain = copy.deepcopy(plain_spec)
    plain["data"]["validation"] = plain["data"]["test"] = plain["data"]["train"]
    plain["training"].update(maxSteps=STEPS, learningRate=1e-2, batchSize=3)
    plain["evaluation"].update(
        everySteps=STEPS, batchSize=3, maxNewTokens=12, shuffledImages=True
    )
    return conduct(plain)


@pytest.fixture
def processor(checkpoint: Path):
    return AutoProcessor.from_pretrained(checkpoint, num_crops=1)


def slow_sums(
    model: Any, processor: Any, row: dict[str, Any]
) -> tuple[float, int, int]:
    """Loss, tokens and hits of one answer, one example at a time, all logits kept."""
    (path,) = row["images"]
    shown = read_image(path)
    example = Encoder(processor).encode(
        question(row["references"][0], picture(shown.size, path), prompt=row["prompt"])
    )
    ids = torch.tensor([example.ids])
    with torch.no_grad():
        logits = model(input_ids=ids, **processor.image_processor([shown])).logits[0]
    log_probabilities = logits.double().log_softmax(-1)
    loss, hits = 0.0, 0
    for position in range(len(example.prompt_ids), ids.shape[1]):
        token = ids[0, position]
        loss -= log_probabilities[position - 1, token].item()
        hits += int(log_probabilities[position - 1].argmax() == token)
    return loss, example.answer_tokens, hits


def slow_answer(model: Any, processor: Any, row: dict[str, Any], limit: int) -> str:
    """Greedy search without cache, without batch."""
    (path,) = row["images"]
    messages = [
        {
            "role": "user",
            "content": [{"type": "image"}, {"type": "text", "text": row["prompt"]}],
        }
    ]
    text = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = dict(processor(text, read_image(path)))
    ids = inputs.pop("input_ids")
    inputs.pop("attention_mask")
    tokenizer = processor.tokenizer
    ends = tokenizer.convert_tokens_to_ids(["<|end|>", "<|endoftext|>", "</s>"])
    said: list[int] = []
    while len(said) < limit:
        with torch.no_grad():
            logits = model(input_ids=ids, **inputs).logits[0, -1]
        logits[processor.image_token_id] = -math.inf
        token = int(logits.argmax())
        if token in ends:
            break
        said.append(token)
        ids = torch.cat((ids, torch.tensor([[token]])), dim=1)
    return tokenizer.decode(said, skip_special_tokens=True).strip()


@pytest.mark.parametrize("which", ["base", "tuned"])
def test_sums_and_answers_equal_slow_ones(
    evaluated: Conducted, checkpoint: Path, processor: Any, which: str
) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype="float32")
    if which == "tuned":
        # The adapter as saved, loaded by plain PEFT.
        model = PeftModel.from_pretrained(model, evaluated.folder / "adapter")
    (sums,) = (
        one["examples"]
        for one in evaluated.of("evaluation")
        if (one["split"], one["model"], one["images"]) == ("test", which, "own")
    )
    (items,) = (
        one["items"]
        for one in evaluated.of("predictions")
        if (one["split"], one["model"], one["images"]) == ("test", which, "own")
    )
    assert (
        [one["row"] for one in sums] == [one["row"] for one in items] == list(range(7))
    )
    for told, item in zip(sums, items, strict=True):
        loss, tokens, hits = slow_sums(model, processor, item)
        assert told["lossSum"] == pytest.approx(loss, rel=1e-5)
        assert (told["tokens"], told["correctTokens"]) == (tokens, hits)
        assert item["prediction"] == slow_answer(model, processor, item, 12)


def test_predictions_tell_how_they_ended(evaluated: Conducted) -> None:
    for event in evaluated.of("predictions"):
        for item in event["items"]:
            assert item["tokens"] <= 12
            assert item["stopped"] or item["tokens"] == 12


def test_shuffling_gives_every_row_another_ones_picture(evaluated: Conducted) -> None:
    by_images = {
        event["images"]: event["items"]
        for event in evaluated.of("predictions")
        if event["split"] == "test" and event["model"] == "tuned"
    }
    own, shuffled = by_images["own"], by_images["shuffled"]
    assert sorted(one["images"] for one in own) == sorted(
        one["images"] for one in shuffled
    )
    for mine, dealt in zip(own, shuffled, strict=True):
        assert mine["images"] != dealt["images"]
        assert mine["references"] == dealt["references"]


def test_an_evaluation_has_a_checkpoint_and_carries_one_id(
    evaluated: Conducted,
) -> None:
    kinds = [event["type"] for event in evaluated.events]
    ids = [one["evaluationId"] for one in evaluated.of("evaluation")]
    assert len(ids) == len(set(ids)) == 5
    assert ids == [one["evaluationId"] for one in evaluated.of("predictions")]
    (saved,) = evaluated.of("checkpoint")
    assert saved["step"] == STEPS
    assert kinds.index("checkpoint") < kinds.index("evaluation", kinds.index("step"))
    codes = [one["code"] for one in evaluated.of("warning")]
    assert codes == ["PICTURES_SHARED"] * 3 + ["SCORE_LATE"]
    assert evaluated.outcome.kept_step == STEPS


METHODS = {
    "projector": {"targetModules": "language+projector", "dropout": 0.1},
    "whole modules": {"modulesToSave": ["img_projection"], "rslora": True},
    "dora": {"dora": True},
    "biases": {"bias": "all"},
    "full": {"kind": "full"},
}


@pytest.mark.parametrize("changes", METHODS.values(), ids=METHODS)
def test_weights_by_themselves_score_what_they_scored_in_the_run(
    conduct: Conduct, plain_spec: dict[str, Any], changes: dict[str, Any]
) -> None:
    """To the bit, whatever is trained; and the base model too."""
    plain = copy.deepcopy(plain_spec)
    plain["data"]["validation"] = plain["data"]["test"] = plain["data"]["train"]
    plain["training"].update(maxSteps=2, learningRate=1e-2, batchSize=3)
    plain["evaluation"].update(everySteps=2, batchSize=3, maxNewTokens=12)
    plain["method"] = changes if "kind" in changes else plain["method"] | changes
    run = conduct(plain)

    def told(conducted: Conducted, split: str, which: str) -> list[dict[str, Any]]:
        return [
            {key: one[key] for key in ("items", "examples") if key in one}
            for one in conducted.events
            if one["type"] in ("predictions", "evaluation")
            and (one["split"], one["model"]) == (split, which)
        ]

    tuned = conduct(plain, task=Evaluate(weights=run.outcome.adapter, step=2))
    for split in ("validation", "test"):
        assert told(tuned, split, "tuned") == told(run, split, "tuned") != []
    plain["data"]["train"] = {"kind": "none"}
    base = conduct(plain, task=Evaluate(weights=None, step=0))
    assert told(base, "test", "base") != told(run, "test", "tuned")
    if not changes.get("dora"):  # which is the base model but for rounding
        assert told(base, "test", "base") == told(run, "test", "base") != []
    for alone in (tuned, base):
        assert {one.name for one in alone.folder.iterdir()} == {"worker.jsonl"}


def test_an_example_cap_takes_the_first_rows(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["data"]["test"] = plain_spec["data"]["train"]
    plain_spec["evaluation"].update(maxExamples=3, batchSize=2)
    plain_spec["training"]["maxSteps"] = 1
    run = conduct(plain_spec)
    for event in run.of("evaluation"):
        assert [one["row"] for one in event["examples"]] == [0, 1, 2]


def test_teacher_forcing_generates_nothing(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["data"]["test"] = plain_spec["data"]["train"]
    plain_spec["training"]["maxSteps"] = 1
    evaluation = plain_spec["evaluation"]
    evaluation.update(kind="teacherForced", metrics=["loss"])
    evaluation["best"] = {"metric": "loss", "direction": "min"}
    for key in ("stemming", "maxNewTokens", "sampling"):
        del evaluation[key]
    run = conduct(plain_spec)
    assert run.of("predictions") == []
    assert len(run.of("evaluation")) == 2


def test_drawn_answers_hang_on_the_seed_alone_and_leave_training_as_it_is(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["data"]["validation"] = plain_spec["data"]["train"]
    plain_spec["method"]["dropout"] = 0.2
    plain_spec["training"].update(maxSteps=4, epochs=9, batchSize=3)
    sampling = {"temperature": 1.5, "topP": 0.95, "topK": 20}

    def run(size: int, drawn: dict[str, Any] | None) -> Conducted:
        plain = copy.deepcopy(plain_spec)
        plain["evaluation"].update(
            everySteps=2, batchSize=size, maxNewTokens=8, sampling=drawn
        )
        return conduct(plain)

    def answers(run: Conducted) -> list[str]:
        said = run.of("predictions")
        return [item["prediction"] for event in said for item in event["items"]]

    greedy, drawn, alone = run(4, None), run(4, sampling), run(1, sampling)
    assert answers(drawn) == answers(alone) != answers(greedy)
    # Drawing takes nothing from the generators that dropout draws from.
    losses = [[one["loss"] for one in each.of("step")] for each in (greedy, drawn)]
    assert losses[0] == losses[1]
