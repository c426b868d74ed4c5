"""The model of a run, and what a run needs of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn

from .adapters import Targets
from .examples import IGNORED, Batch, Example, collate_prompts, views_of
from .features import ImageFeatures
from .resolution import Resolution


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

    def compute_in(self, dtype: torch.dtype | None) -> None:
        """Computes from now on under autocast to that type; None: as weights are held."""
        self._autocast_dtype = dtype

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
    def answer(
        self, examples: Sequence[Example], max_new_tokens: int, **extras: Any
    ) -> list[Answer]:
        """Generates one answer per example, greedily.

        ``extras`` go to transformers' ``generate``: what else decides on tokens, hears
        of them, or ends it.
        """
        input_ids, attention_mask = collate_prompts(examples, self.pad_id)
        views = views_of(examples)
        with self._autocast():
            sequences = self.causal.generate(
                input_ids=input_ids.to(self.device),
                attention_mask=attention_mask.to(self.device),
                image_features=self.features.of(views),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                **extras,
            )
        return [self.read(ids) for ids in sequences[:, input_ids.shape[1] :].tolist()]

    def read(self, ids: list[int]) -> Answer:
        """What generated tokens say, as far as the first end token."""
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
