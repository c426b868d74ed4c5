"""Optimizers and schedules by name; all of them are other libraries'."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from transformers import Adafactor, get_scheduler

from .adapters import tower_of
from .errors import Refusal, issue
from .resolution import Resolution
from .spec import Spec, Training

BITSANDBYTES = {
    "adamw_8bit": "AdamW8bit",
    "paged_adamw_8bit": "PagedAdamW8bit",
    "paged_adamw_32bit": "PagedAdamW32bit",
    "lion_32bit": "Lion32bit",
    "lion_8bit": "Lion8bit",
}
TORCH = {
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
WITH_BETAS = ("adam", "lion")
WITH_EPSILON = ("adam", "rmsprop", "adagrad")
BY_SCORE = ("reduce_lr_on_plateau", "greedy")
"""Schedules that move when a checkpoint has its score, not with every step."""


def make_optimizer(
    named: Iterable[tuple[str, nn.Parameter]], training: Training
) -> torch.optim.Optimizer:
    """The optimizer of the spec over groups of one learning rate and one decay each.

    Raises:
        Refusal: ``DEVICE_UNAVAILABLE`` where its library cannot be used.
    """
    parameters = list(named)
    kind = training.optimizer
    arguments: dict[str, Any] = {"lr": training.learning_rate}
    if any(name in kind for name in WITH_BETAS):
        arguments["betas"] = (training.adam_beta1, training.adam_beta2)
    if any(name in kind for name in WITH_EPSILON):
        arguments["eps"] = training.adam_epsilon
    if kind in BITSANDBYTES:
        made = _bitsandbytes(kind)
    elif kind == "adafactor":
        made = Adafactor
        # The learning rate is the schedule's matter, as with every other optimizer.
        arguments |= {"scale_parameter": False, "relative_step": False}
    else:
        made = TORCH[kind]
        if kind in ("adamw", "sgd"):
            arguments["fused"] = True
        if kind in ("nadam", "radam"):
            arguments["decoupled_weight_decay"] = True
    return made(_groups(parameters, training), **arguments)


def make_schedule(
    optimizer: torch.optim.Optimizer, spec: Spec, resolution: Resolution
) -> Any:
    """The schedule of the spec; ``constant`` warms up like all the others."""
    training = spec.training
    name = training.schedule
    arguments: dict[str, Any] = {
        key: int(value) if float(value).is_integer() else value
        for key, value in training.schedule_arguments.items()
    }
    if name in BY_SCORE:
        arguments["mode"] = spec.evaluation.best.direction
    return get_scheduler(
        "constant_with_warmup" if name == "constant" else name,
        optimizer,
        num_warmup_steps=resolution.warmup_steps,
        num_training_steps=resolution.total_steps,
        scheduler_specific_kwargs=arguments,
    )


def skips_by_itself(optimizer: torch.optim.Optimizer) -> bool:
    """Can it be told on the device, by ``found_inf``, to leave a step out?

    A property that torch's fused optimizers have for the sake of loss scaling.
    """
    return getattr(optimizer, "_step_supports_amp_scaling", False)


def _groups(
    named: list[tuple[str, nn.Parameter]], training: Training
) -> list[dict[str, Any]]:
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        own = getattr(training.learning_rates, tower_of(name))
        # Norms and biases, being vectors, are not decayed.
        decay = training.weight_decay if parameter.ndim >= 2 else 0.0
        rate = training.learning_rate if own is None else own
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def _bitsandbytes(kind: str) -> Any:
    if not torch.cuda.is_available():
        problem = issue(
            "training.optimizer",
            "is of bitsandbytes and needs a CUDA device",
            kind,
            'Use "adamw".',
        )
        raise Refusal("DEVICE_UNAVAILABLE", "This machine cannot do that", [problem])
    import bitsandbytes

    return getattr(bitsandbytes.optim, BITSANDBYTES[kind])


def rates(optimizer: torch.optim.Optimizer) -> float:
    """The learning rate that a step is told with: the largest of all groups."""
    return max(
        (float(group["lr"]) for group in optimizer.param_groups), default=math.nan
    )
