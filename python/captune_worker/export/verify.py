"""Does an export answer as what it was made from? Measured on one picture."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from ..airplanes import draw, pretraining_scene
from ..errors import Refusal, issue
from ..pictures import PictureProblem, read_image

DRAWN_PROMPT = "What is shown in this picture?"
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 0.1, torch.float16: 0.02}
"""How far logits may be apart, as a share of the largest one (of 1 at least).

In 16 bits the sum of weight and adapter is rounded, the adapter alone is not, and what
is computed with them is rounded at every layer."""


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What to ask the model."""

    pictures: list[str]
    """Paths."""
    prompt: str


class Verification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was measured; the twin of ``sdk/export/export.ts``."""

    dtype: str
    """Type of the weights, and of what was computed."""
    device: str
    positions: int
    """At which logits were compared, each over the whole vocabulary."""
    difference: float
    """Largest absolute difference of a logit of the merged model to the adapter's."""
    tolerance: float
    """What it may be."""
    agreement: float
    """Share of positions with the same likeliest token."""
    effect: float | None
    """Largest absolute change of a logit by the adapter; None where it is not known."""
    prompt: str
    is_drawn: bool
    """Was the picture drawn, for want of one of the run's?"""
    caption: str
    stopped: bool
    """Did the answer end by itself?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One row, ready for a model."""

    prompt: str
    is_drawn: bool
    inputs: dict[str, Tensor]


def make_probe(processor: Any, row: Row | None) -> Probe:
    """The row's pictures and prompt; a drawn picture where they cannot be read."""
    try:
        pictures = [read_image(Path(one)) for one in row.pictures] if row else []
    except (PictureProblem, OSError):
        pictures = []
    is_drawn = not pictures
    if is_drawn:
        pictures = [draw(pretraining_scene(0, 0))]
    prompt = DRAWN_PROMPT if is_drawn else row.prompt
    parts = [{"type": "image"} for _ in pictures]
    parts.append({"type": "text", "text": prompt})
    text = processor.apply_chat_template(
        [{"role": "user", "content": parts}], add_generation_prompt=True
    )
    inputs = dict(processor(text, images=[pictures]))
    return Probe(prompt=prompt, is_drawn=is_drawn, inputs=inputs)


@torch.no_grad()
def logits_of(causal: Any, probe: Probe) -> Tensor:
    """Float32 [positions, vocabulary], on the CPU."""
    inputs = _on(causal, probe)
    return causal(**inputs, use_cache=False).logits[0].float().cpu()


@torch.no_grad()
def caption(causal: Any, processor: Any, probe: Probe, limit: int) -> tuple[str, bool]:
    """What the model says, greedily, and whether it ended by itself."""
    inputs = _on(causal, probe)
    given = inputs["input_ids"].shape[1]
    output = causal.generate(**inputs, max_new_tokens=limit, do_sample=False)
    said = output[0, given:].tolist()
    text = processor.tokenizer.decode(said, skip_special_tokens=True)
    return text.strip(), said[-1] in causal.generation_config.eos_token_id


def compare(adapter: Tensor, merged: Tensor, dtype: torch.dtype) -> dict[str, float]:
    """The numbers of a ``Verification``; both tensors [positions, vocabulary].

    Raises:
        Refusal: ``EXPORT_MISMATCH`` when they are too far apart.
    """
    difference = largest(adapter - merged)
    tolerance = TOLERANCE[dtype] * max(1.0, largest(adapter))
    # A comparison with what is not a number is false, whatever it is.
    if not difference <= tolerance:
        problem = issue(
            "folder",
            f"would hold a model whose logits are off by {difference:.3g}, where "
            f"{tolerance:.3g} may be",
            remedy="Nothing was written. Is the base model the one that was trained on?",
        )
        facts = {"difference": str(difference), "tolerance": tolerance}
        raise Refusal(
            "EXPORT_MISMATCH",
            "The merged model does not answer as the adapter does",
            [problem],
            facts,
        )
    same = (adapter.argmax(-1) == merged.argmax(-1)).float().mean().item()
    return {
        "positions": len(adapter),
        "difference": difference,
        "tolerance": tolerance,
        "agreement": same,
    }


def largest(logits: Tensor) -> float:
    """The largest absolute value; not a number where one of them is none."""
    value = logits.abs().max().item()
    return value if math.isfinite(value) else math.nan


def _on(causal: Any, probe: Probe) -> dict[str, Tensor]:
    return {name: one.to(causal.device) for name, one in probe.inputs.items()}
