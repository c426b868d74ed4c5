"""Where adapters go: names, patterns and presets, and what they match in the model."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from .attachment import hold_trained
from .errors import Refusal, issue, suggestion
from .events import MatchedModules
from .lora_linear import LeanLoraLinear
from .spec import Lora, Qlora

FIELD = "method.targetModules"
LANGUAGE = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
PROJECTOR = ["img_projection.0", "img_projection.2"]
ARTICLE = ["gate_up_proj", "down_proj"]
"""What the well-known recipe trains: its other entries name nothing that exists."""

CLIP_LINEARS = r"(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])"

VISION_TOWER = "model.vision_embed_tokens.img_processor."
EMBEDDING = "model.vision_embed_tokens."


def presets(vision_blocks: int) -> dict[str, list[str] | str]:
    """Targets by name; ``vision_blocks`` of CLIP are computed, the last one never is."""
    blocks = "|".join(str(block) for block in range(vision_blocks))
    vision = [
        rf".*\.({'|'.join(LANGUAGE)})",
        r".*\.img_projection\.[02]",
        rf".*\.img_processor\..*\.layers\.({blocks})\.{CLIP_LINEARS}",
    ]
    return {
        "language": LANGUAGE,
        "language+projector": LANGUAGE + PROJECTOR,
        "language+projector+vision": "|".join(vision),
        "article": ARTICLE,
    }


@dataclass(frozen=True, slots=True)
class Targets:
    """Modules chosen for adapters, in a form that PEFT takes."""

    chosen: list[str] | str
    """Names as PEFT matches them, or a pattern for whole names."""

    def match(self, name: str) -> str | None:
        """What chose a module: the entry, or for a pattern the module's own name."""
        if isinstance(self.chosen, str):
            return _own_name(name) if re.fullmatch(self.chosen, name) else None
        # PEFT's rule for a list: the whole name, or its end after a dot.
        return next(
            (one for one in self.chosen if name == one or name.endswith(f".{one}")),
            None,
        )


def resolve_targets(causal: Any, wanted: list[str] | str) -> Targets:
    """The targets of a spec: a preset, a pattern, or a list of names.

    Raises:
        Refusal: ``MODEL_INVALID`` for an entry that matches nothing, with the nearest.
    """
    known = presets(causal.model.vision_embed_tokens.img_processor.blocks)
    targets = Targets(known.get(wanted, wanted) if isinstance(wanted, str) else wanted)
    names = [
        name
        for name, module in causal.named_modules()
        if isinstance(module, nn.Linear) and name != "lm_head"
    ]
    problems = list(_idle_entries(targets, names, known))
    if problems:
        raise Refusal("MODEL_INVALID", "The adapters have nowhere to go", problems)
    return targets


def add_adapters(causal: Any, method: Lora | Qlora, targets: Targets) -> PeftModel:
    """Puts fresh adapters on the chosen modules; B is zero, so nothing changes yet.

    Raises:
        Refusal: ``MODEL_INVALID`` for a module to save that is not there.
    """
    _demand_modules(causal, method.modules_to_save)
    config = LoraConfig(
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=targets.chosen,
        use_dora=method.dora,
        use_rslora=method.rslora,
        bias=method.bias,
        modules_to_save=method.modules_to_save or None,
        task_type="CAUSAL_LM",
    )
    if isinstance(method, Lora) and not method.dora:
        config._register_custom_module({nn.Linear: LeanLoraLinear})
    peft = get_peft_model(causal, config)
    hold_trained(causal)
    return peft


def is_adapter(name: str) -> bool:
    """Is a parameter of an adapter, and none of the model's own?"""
    return ".lora_" in name


def matched_modules(causal: Any, targets: Targets) -> list[MatchedModules]:
    """What each target matched, per tower, with its adapter parameters."""
    found: dict[tuple[str, str], list[int]] = {}
    for name, module in causal.named_modules():
        if hasattr(module, "lora_A"):
            trainable = sum(
                parameter.numel()
                for parameter in module.parameters()
                if parameter.requires_grad
            )
            target = targets.match(name)
            found.setdefault((target, tower_of(name)), []).append(trainable)
    return [
        MatchedModules(
            target=target, tower=tower, count=len(sizes), trainable=sum(sizes)
        )
        for (target, tower), sizes in found.items()
    ]


def tower_of(name: str) -> str:
    """The part of the model that a module belongs to."""
    if name.startswith(VISION_TOWER):
        return "vision"
    return "projector" if name.startswith(EMBEDDING) else "language"


def _idle_entries(targets: Targets, names: list[str], known: Iterable[str]):
    candidates = {_own_name(name) for name in names}
    if isinstance(targets.chosen, str):
        try:
            if not any(map(targets.match, names)):
                remedy = suggestion(targets.chosen, [*known, *candidates])
                yield issue(FIELD, "matches no module", targets.chosen, remedy)
        except re.error as error:
            reason = f"is neither a preset nor a regular expression ({error})"
            yield issue(
                FIELD, reason, targets.chosen, suggestion(targets.chosen, known)
            )
        return
    matched = {targets.match(name) for name in names}
    for index, entry in enumerate(targets.chosen):
        if entry not in matched:
            # `self_attn.qkv_proj.weight` is a parameter; its module's name is in it.
            inner = [part for part in entry.split(".") if part in candidates]
            remedy = suggestion(inner[-1] if inner else entry, candidates)
            yield issue(f"{FIELD}[{index}]", "matches no module", entry, remedy)


def _demand_modules(causal: Any, wanted: list[str]) -> None:
    names = [name for name, _ in causal.named_modules()]
    problems = [
        issue(
            f"method.modulesToSave[{index}]",
            "matches no module",
            entry,
            suggestion(entry, {name.rsplit(".", 1)[-1] for name in names if name}),
        )
        for index, entry in enumerate(wanted)
        if not any(name == entry or name.endswith(f".{entry}") for name in names)
    ]
    if problems:
        raise Refusal("MODEL_INVALID", "There is nothing to save", problems)


def _own_name(name: str) -> str:
    """``qkv_proj``, but ``img_projection.0``: a number says nothing by itself."""
    parts = name.split(".")
    return ".".join(parts[-2:]) if parts[-1].isdigit() else parts[-1]
