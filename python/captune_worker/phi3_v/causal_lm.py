"""Phi-3-vision with its language head: logits, loss, and ``generate``."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.utils import can_return_tuple

from .configuration import Phi3VConfig
from .generation import Phi3VGenerationMixin
from .modeling import Phi3VModel, Phi3VPreTrainedModel


class Phi3VForCausalLM(Phi3VPreTrainedModel, Phi3VGenerationMixin):
    """Phi-3-vision for training and generation, under the hub's parameter names."""

    _tied_weights_keys: ClassVar = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__(config)
        self.model = Phi3VModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.complete_generation_config()
        self.post_init()

    def get_image_features(
        self, pixel_values: Tensor, image_sizes: Tensor
    ) -> list[Tensor]:
        """Encode images: one tensor [visual tokens, hidden] per image.

        They can be given as ``image_features`` instead of the pixels, with or without a
        graph behind them. Arguments as in ``Phi3VImageEmbedding.patches``.
        """
        return self.model.get_image_features(pixel_values, image_sizes)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        pixel_values: Tensor | None = None,
        image_sizes: Tensor | None = None,
        image_features: Sequence[Tensor] | None = None,
        row_lengths: Tensor | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Give logits [batch, length, vocabulary] and, with ``labels``, the mean loss.

        - ``input_ids`` [batch, length], int64. Image placeholders are the
          configuration's ``image_token_id`` or negative.
        - ``pixel_values`` [images, tiles, 3, side, side] with ``image_sizes`` [images,
          2], in the order in which images appear, row by row; or ``image_features``,
          what ``get_image_features`` gave for them.
        - How long a row is decides its rope factors. ``attention_mask`` [batch, width]
          tells it. Where rows are padded on the right it can be left out, since no real
          token sees that padding and flash kernels then run; ``row_lengths`` [batch]
          tells it instead. Without both it is the largest of ``position_ids`` + 1, or
          the width.
        - ``logits_to_keep`` computes some logits only: the last n (0 for all);
          positions [n]; positions per row [batch, n]; or a bool mask [batch, length],
          which gives logits [kept, vocabulary]. The loss then is that of those
          positions.
        - ``labels`` [batch, length] are not shifted, -100 where there is nothing to
          learn. With ``num_items_in_batch`` the loss is the sum divided by that number.

        Raises ``ValueError`` for images that do not fill the placeholders exactly, for
        rows of unknown length, and for a cache whose keys have the wrong rope factors.
        """
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            pixel_values=pixel_values,
            image_sizes=image_sizes,
            image_features=image_features,
            row_lengths=row_lengths,
            **kwargs,
        )
        logits = self.lm_head(keep_positions(outputs.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None:
            next_labels = nn.functional.pad(labels, (0, 1), value=-100)[:, 1:]
            loss = self.loss_function(
                logits=logits,
                labels=labels,
                vocab_size=self.config.vocab_size,
                shift_labels=keep_positions(next_labels, logits_to_keep).contiguous(),
                **kwargs,
            )
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


def keep_positions(tensor: Tensor, keep: int | Tensor) -> Tensor:
    """Select from ``tensor`` [batch, length, ...] what ``logits_to_keep`` says."""
    if isinstance(keep, int):
        return tensor[:, -keep:]
    keep = keep.to(tensor.device)
    if keep.dtype == torch.bool:
        return tensor[keep]
    if keep.ndim == 2:
        rows = torch.arange(len(tensor), device=tensor.device)[:, None]
        return tensor[rows, keep]
    return tensor[:, keep]
