"""Loads models: to be trained by a method, or finished, with an adapter or without."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    BitsAndBytesConfig,
)

from . import phi3_v  # noqa: F401  (registers the Auto classes)
from .adapters import Targets, add_adapters, resolve_targets
from .attachment import attach_adapter
from .errors import Refusal, issue
from .features import ImageFeatures
from .model import TrainedModel
from .pixels import Preparer
from .resolution import Place, Resolution, held_dtype
from .spec import Full, Model, Qlora, Spec


def load_processor(model: Model, folder: Path) -> Any:
    """The processor of the model in ``folder``, cutting pictures as the spec says.

    Raises:
        Refusal: ``MODEL_INVALID`` when the folder holds none.
    """
    with _as_refusal(model):
        return AutoProcessor.from_pretrained(folder, num_crops=model.image_crops)


def longest_row(folder: Path) -> int:
    """Tokens that the model in ``folder`` can take at once."""
    return AutoConfig.from_pretrained(folder).max_position_embeddings


def load_model(
    spec: Spec,
    folder: Path,
    resolution: Resolution,
    processor: Any,
    preparer: Preparer,
) -> TrainedModel:
    """The model on its device, with what is to be trained marked.

    Raises:
        Refusal: ``MODEL_INVALID`` for a folder that holds none, or a target module
            that matches nothing.
    """
    causal = _load_for(spec, folder, resolution)
    peft, targets = None, None
    if isinstance(spec.method, Full):
        causal.requires_grad_(True)
    else:
        targets = resolve_targets(causal, spec.method.target_modules)
        peft = add_adapters(causal, spec.method, targets)
        # Not the folder that the hub's cache keeps it in on this machine.
        peft.peft_config["default"].base_model_name_or_path = spec.model.name_or_path
        peft.peft_config["default"].revision = spec.model.revision
    causal.model.vision_embed_tokens.img_processor.freeze_unused()
    features = ImageFeatures(causal, preparer)
    return TrainedModel(causal, peft, targets, processor, features)


def load_finished(
    spec: Spec,
    folder: Path,
    resolution: Resolution,
    processor: Any,
    preparer: Preparer,
    adapter: Path | None,
) -> TrainedModel:
    """The model as it is, with the adapter of a folder; held as training holds both.

    Raises:
        Refusal: ``MODEL_INVALID`` as ``load_model``, and for an adapter that does not
            fit.
    """
    causal = _load_for(spec, folder, resolution)
    peft, targets = None, None
    if adapter is not None:
        peft = attach_adapter(causal, None, adapter, "default", "weights")
        chosen = peft.peft_config["default"].target_modules
        targets = Targets(chosen if isinstance(chosen, str) else sorted(chosen))
    elif isinstance(spec.method, Full):
        causal.requires_grad_(True)
    causal.model.vision_embed_tokens.img_processor.freeze_unused()
    features = ImageFeatures(causal, preparer)
    return TrainedModel(causal, peft, targets, processor, features)


def load_causal(model: Model, folder: Path, place: Place, **quantization: Any) -> Any:
    """The transformers model on its device; nothing of it is trained.

    Raises:
        Refusal: ``MODEL_INVALID`` for a folder that holds none.
    """
    with _as_refusal(model):
        causal = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=place.dtype,
            attn_implementation=place.attention,
            use_safetensors=True,
            **quantization,
        )
    if not quantization:
        causal.to(place.device)
    return causal.requires_grad_(False)


def _load_for(spec: Spec, folder: Path, resolution: Resolution) -> Any:
    place = Place(
        device=resolution.device,
        dtype=held_dtype(spec, resolution.dtype),
        attention=resolution.attention,
    )
    return load_causal(spec.model, folder, place, **_quantization(spec, resolution))


def _quantization(spec: Spec, resolution: Resolution) -> dict[str, Any]:
    """What makes ``from_pretrained`` hold the decoder in four bits, if that is asked for.

    The image embedding and the head keep their bits, as is usual.
    """
    if not isinstance(spec.method, Qlora):
        return {}
    return {
        "device_map": {"": resolution.device},
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=spec.method.quant_type,
            bnb_4bit_use_double_quant=spec.method.double_quant,
            bnb_4bit_compute_dtype=resolution.dtype,
            llm_int8_skip_modules=["vision_embed_tokens", "lm_head"],
        ),
    }


@contextmanager
def _as_refusal(model: Model) -> Iterator[None]:
    """Whatever stands in the way of loading is about the field that names the model."""
    try:
        yield
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = f"cannot be loaded: {str(error).strip().splitlines()[0]}"
        problem = issue("model.nameOrPath", reason, model.name_or_path)
        raise Refusal(
            "MODEL_INVALID", "There is no model to train", [problem]
        ) from error
