"""The model of a run: loaded, prepared for its method, and run for what a run needs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    BitsAndBytesConfig,
)

from . import phi3_v  # noqa: F401  (registers the Auto classes)
from .adapters import Targets, add_adapters, resolve_targets
from .errors import Refusal, issue
from .examples import IGNORED, Batch, Example, collate_prompts, views_of
from .features import ImageFeatures
from .pixels import Preparer
from .resolution import Resolution, held_dtype
from .spec import Full, Qlora, Spec


def load_processor(spec: Spec, folder: Path) -> Any:
    """The processor of the model in ``folder``, cutting pictures as the spec says.

    Raises:
        Refusal: ``MODEL_INVALID`` when the folder holds none.
    """
    with _as_refusal(spec):
        return AutoProcessor.from_pretrained(folder, num_crops=spec.model.image_crops)


def longest_row(folder: Path) -> int:
    """Tokens that the model in ``folder`` can take at once."""
    return AutoConfig.from_pretrained(folder).max_position_embeddings


def load_model(
    spec: Spec,
    folder: Path,
    resolution: Resolution,
    processor: Any,
    preparer: Preparer,
) -> "TrainedModel":
    """The model on its device, with what is to be trained marked.

    Raises:
        Refusal: ``MODEL_INVALID`` for a folder that holds none, or a target module
            that matches nothing.
    """
    with _as_refusal(spec):
        causal = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=held_dtype(spec, resolution.dtype),
            attn_implementation=resolution.attention,
            use_safetensors=True,
            **_quantization(spec, resolution),
        )
    if not isinstance(spec.method, Qlora):
        causal.to(resolution.device)
    causal.requires_grad_(False)
    peft, targets = None, None
    if isinstance(spec.method, Full):
        causal.requires_grad_(True)
    else:
        targets = resolve_targets(causal, spec.method.target_modules)
        peft = add_adapters(causal, spec.method, targets)
    causal.model.vision_embed_tokens.img_processor.freeze_unused()
    features = ImageFeatures(causal, preparer)
    return TrainedModel(causal, peft, targets, processor, features)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSums:
    """Sums over the answer tokens of each example of a batch; tensors [batch]."""

    loss: Tensor
    """Negative log-likelihood, in nats, float32."""
    tokens: Tensor
    """Answer tokens, int64, on the CPU."""
    correct: Tensor
    """Answer tokens that were the likeliest, int64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model said."""

    text: str
    tokens: int
    """Tokens generated, the end token included."""
    stopped: bool
    """Did it end by itself?"""


class TrainedModel:
    """A causal model with pictures, of which some parameters are trained."""

    def __init__(
        self,
        causal: Any,
        peft: PeftModel | None,
        targets: Targets | None,
        processor: Any,
        features: ImageFeatures,
    ) -> None:
        self.causal = causal
        """The transformers model, adapters in place."""
        self.peft = peft
        """The same behind PEFT; None when every weight is trained."""
        self.targets = targets
        """Where the adapters went; None when every weight is trained."""
        self.processor = processor
        self.features = features
        self._autocast_dtype: torch.dtype | None = None
        self._answer_rows_only = True

    def obey(self, resolution: Resolution) -> None:
        """Computes from now on as was resolved."""
        self.features.keep = resolution.cache_image_features
        self._answer_rows_only = resolution.answer_rows_only
        self._autocast_dtype = resolution.dtype if resolution.autocast else None
        if resolution.gradient_checkpointing:
            self.causal.gradient_checkpointing_enable({"use_reentrant": False})

    @property
    def device(self) -> torch.device:
        return self.causal.device

    @property
    def pad_id(self) -> int:
        return self.processor.tokenizer.pad_token_id

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Names, as on the hub and with PEFT's additions, and parameters."""
        for name, parameter in self.causal.named_parameters():
            if parameter.requires_grad:
                yield name, parameter

    @property
    def regime_limit(self) -> int:
        """Longest row, in tokens, that uses the short rope factors."""
        return self.causal.config.original_max_position_embeddings

    def inputs(self, batch: Batch) -> dict[str, Any]:
        """The keyword arguments of a forward pass, on the device."""
        with self._autocast():
            image_features = self.features.of(batch.views)
        # Ids and lengths stay where they are: the model then asks the device nothing.
        return {
            "input_ids": batch.input_ids,
            "row_lengths": batch.lengths,
            "image_features": image_features,
        }

    def answer_sums(self, batch: Batch, inputs: dict[str, Any]) -> AnswerSums:
        """Runs the model on prompts with answers; differentiable in ``loss``.

        Logits are computed at the positions before answer tokens only: of a picture's
        thousands of positions none is learnt. Nothing waits for the device.
        """
        width = batch.labels.shape[1]
        rows, columns = (batch.labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        targets = batch.labels[rows, columns + 1]
        counts = torch.bincount(rows, minlength=len(batch.labels))
        index, rows, targets = (
            one.to(self.device, non_blocking=True)
            for one in (rows * width + columns, rows, targets)
        )
        with self._autocast():
            hidden = self.causal.model(**inputs, use_cache=False).last_hidden_state
            hidden = hidden.flatten(0, 1)
            if self._answer_rows_only:
                logits = self.causal.lm_head(hidden[index])
            else:
                logits = self.causal.lm_head(hidden)[index]
        logits = logits.float()
        losses = nn.functional.cross_entropy(logits, targets, reduction="none")
        correct = (logits.argmax(-1) == targets).long()
        zeros = torch.zeros(len(batch.labels), device=self.device)
        return AnswerSums(
            loss=zeros.index_add(0, rows, losses),
            tokens=counts,
            correct=zeros.long().index_add(0, rows, correct),
        )

    @torch.no_grad()
    def answer(self, examples: Sequence[Example], max_new_tokens: int) -> list[Answer]:
        """Generates one answer per example, greedily."""
        input_ids, attention_mask = collate_prompts(examples, self.pad_id)
        views = views_of(examples)
        with self._autocast():
            sequences = self.causal.generate(
                input_ids=input_ids.to(self.device),
                attention_mask=attention_mask.to(self.device),
                image_features=self.features.of(views),
                max_new_tokens=max_new_tokens,
                do_sample=False,
            )
        return [self._read(ids) for ids in sequences[:, input_ids.shape[1] :].tolist()]

    def _read(self, ids: list[int]) -> Answer:
        ends = set(self.causal.generation_config.eos_token_id)
        at = next((at for at, token in enumerate(ids) if token in ends), None)
        said = ids if at is None else ids[:at]
        text = self.processor.tokenizer.decode(said, skip_special_tokens=True)
        return Answer(
            text=text.strip(),
            tokens=len(said) + (at is not None),
            stopped=at is not None,
        )

    def _autocast(self) -> Any:
        wanted = self._autocast_dtype
        return torch.autocast(self.device.type, wanted, enabled=wanted is not None)


@contextmanager
def _as_refusal(spec: Spec) -> Iterator[None]:
    """Whatever stands in the way of loading is about the field that names the model."""
    try:
        yield
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = f"cannot be loaded: {str(error).strip().splitlines()[0]}"
        problem = issue("model.nameOrPath", reason, spec.model.name_or_path)
        raise Refusal(
            "MODEL_INVALID", "There is no model to train", [problem]
        ) from error
