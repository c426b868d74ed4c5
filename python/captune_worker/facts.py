"""What a run tells about itself before it begins: versions, device, data, model."""

import os
import platform
from collections.abc import Iterable

import peft
import torch
import transformers

from . import tensors
from .adapters import matched_modules
from .data import RunData
from .events import Device, Range, SplitFacts
from .kernels import AttentionKernels
from .model import TrainedModel
from .report import Report
from .resolution import Resolution
from .spec import Spec

TOLD_ANSWERS = 5_000
"""Training answers told to TypeScript, which makes baselines of them."""


def report_ready(report: Report, spec: Spec) -> None:
    """Everything is imported."""
    versions = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
        "peft": peft.__version__,
    }
    report.ready(pid=os.getpid(), versions=versions, device=_device(spec))


def report_resolution(report: Report, resolution: Resolution) -> None:
    """What ``auto`` came out as."""
    report.resolved(
        device=str(resolution.device),
        dtype=str(resolution.dtype).removeprefix("torch."),
        attention=resolution.attention,
        steps_per_epoch=resolution.steps_per_epoch,
        total_steps=resolution.total_steps,
        warmup_steps=resolution.warmup_steps,
        micro_batch_size=resolution.micro_batch_size,
        gradient_accumulation_steps=resolution.gradient_accumulation_steps,
        gradient_checkpointing=resolution.gradient_checkpointing,
        cache_image_features=resolution.cache_image_features,
        answer_rows_only=resolution.answer_rows_only,
        autocast=resolution.autocast,
    )


def report_data(report: Report, data: RunData) -> None:
    """How many rows there are, how long, and what is odd about them."""
    learnt = data.splits.get("train", [])[:TOLD_ANSWERS]
    answers = [one.row.answer for one in learnt]
    report.data(splits=split_facts(data), train_answers=answers)
    for (one, other), pictures in data.shared.items():
        report.warning(
            code="PICTURES_SHARED",
            message=f"data.{one} and data.{other} share {pictures} "
            f"picture{'' if pictures == 1 else 's'}: scores on data.{other} will "
            "tell too much.",
            data={"splits": [one, other], "pictures": pictures},
        )


def split_facts(data: RunData) -> list[SplitFacts]:
    """Rows and lengths of every split."""
    return [
        SplitFacts(
            split=split,
            rows=len(examples),
            dropped=data.problems.codes(split),
            prompt_tokens=_range(one.prompt_tokens for one in examples),
            visual_tokens=_range(one.visual_tokens for one in examples),
            answer_tokens=_range(one.answer_tokens for one in examples),
        )
        for split, examples in data.splits.items()
    ]


def report_model(
    report: Report, model: TrainedModel, kernels: AttentionKernels
) -> None:
    """What there is, what is trained, and where the adapters went."""
    trainable = list(model.trainable())
    report.model(
        parameters=sum(one.numel() for one in model.causal.parameters()),
        trainable=sum(parameter.numel() for _, parameter in trainable),
        attention=kernels.training or kernels.implementation,
        evaluation_attention=kernels.evaluation,
        modules=matched_modules(model.causal, model.targets) if model.targets else [],
    )
    report.tensors(
        of="trainable",
        step=0,
        tensors=[tensors.describe(name, parameter) for name, parameter in trainable],
    )


def _device(spec: Spec) -> Device:
    if spec.compute.device == "cpu" or not torch.cuda.is_available():
        name = platform.processor() or platform.machine()
        return Device(kind="cpu", name=name, memory_bytes=None)
    properties = torch.cuda.get_device_properties(0)
    return Device(
        kind="cuda", name=properties.name, memory_bytes=properties.total_memory
    )


def _range(counts: Iterable[int]) -> Range:
    numbers = list(counts)
    return Range(min=min(numbers), mean=sum(numbers) / len(numbers), max=max(numbers))
