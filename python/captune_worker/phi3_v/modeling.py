"""The body of Phi-3-vision: native Phi3 decoder layers behind an image embedding."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import DynamicCache, Phi3Model, Phi3PreTrainedModel
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .configuration import Phi3VConfig
from .decoder import Phi3VAttention, Phi3VDecoderLayer, Phi3VRMSNorm
from .placeholders import fill_placeholders
from .rotary import (
    Phi3VRotaryEmbedding,
    any_row_switched,
    mask_positions,
    real_lengths,
)
from .vision import Phi3VImageEmbedding


class Phi3VPreTrainedModel(Phi3PreTrainedModel):
    """What body and head share with the library's loading and initialisation."""

    config_class = Phi3VConfig
    input_modalities = ("image", "text")
    _can_record_outputs: ClassVar = {
        "hidden_states": Phi3VDecoderLayer,
        "attentions": Phi3VAttention,
    }
    # The image embedding joins bare parameters with its tower's output: on one device.
    _no_split_modules: ClassVar = ["Phi3VDecoderLayer", "Phi3VImageEmbedding"]
    # Old fine-tunes stored rope's frequencies, which are computed here.
    _keys_to_ignore_on_load_unexpected: ClassVar = [r"rotary_emb\.inv_freq"]
    # Image counts and the rope regime are read back from the device.
    _can_compile_fullgraph = False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Phi3VImageEmbedding):
            std = self.config.initializer_range
            init.normal_(module.glb_GN, mean=0.0, std=std)
            init.normal_(module.sub_GN, mean=0.0, std=std)


class Phi3VModel(Phi3VPreTrainedModel, Phi3Model):
    """The model without its language head."""

    def __init__(self, config: Phi3VConfig) -> None:
        super().__init__(config)
        self.layers = nn.ModuleList(
            Phi3VDecoderLayer(config, index)
            for index in range(config.num_hidden_layers)
        )
        self.norm = Phi3VRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotary_emb = Phi3VRotaryEmbedding(config)
        self.vision_embed_tokens = Phi3VImageEmbedding(config)
        self.post_init()

    def get_image_features(
        self, pixel_values: Tensor, image_sizes: Tensor
    ) -> list[Tensor]:
        """Encode images: one tensor [visual tokens, hidden] per image.

        They can be given as ``image_features`` instead of the pixels, with or without a
        graph behind them. Arguments as in ``Phi3VImageEmbedding.patches``.
        """
        return self.vision_embed_tokens(pixel_values, image_sizes)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        pixel_values: Tensor | None = None,
        image_sizes: Tensor | None = None,
        image_features: Sequence[Tensor] | None = None,
        row_lengths: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Give hidden states [batch, length, hidden]; see ``Phi3VForCausalLM``."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Give input_ids or inputs_embeds, exactly one of them.")
        if (pixel_values is None) != (image_sizes is None):
            raise ValueError("pixel_values and image_sizes belong together.")
        if pixel_values is not None and image_features is not None:
            raise ValueError("Give pixel_values or image_features, not both.")
        if inputs_embeds is None:
            if pixel_values is not None:
                image_features = self.get_image_features(pixel_values, image_sizes)
            inputs_embeds = fill_placeholders(
                input_ids,
                image_features or (),
                self.embed_tokens,
                self.config.image_token_id,
            )
        elif pixel_values is not None or image_features is not None:
            raise ValueError(
                "Images need input_ids: inputs_embeds do not show the placeholders."
            )
        # A method of its own: what `capture_outputs` decorates must not run CLIP, whose
        # hidden states would be recorded among the decoder's.
        return self._decode(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            use_cache=use_cache,
            row_lengths=row_lengths,
            **kwargs,
        )

    @merge_with_config_defaults
    @capture_outputs
    def _decode(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        row_lengths: Tensor | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        dropout = self.config.embd_pdrop
        hidden = nn.functional.dropout(inputs_embeds, dropout, self.training)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        cache = past_key_values
        past = 0 if cache is None else int(cache.get_seq_length())
        long_rows = self._long_rows(
            hidden, past, attention_mask, position_ids, row_lengths
        )
        causal_mask = create_causal_mask(
            config=self.config,
            inputs_embeds=hidden,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            # Only where they are the caller's: looking for packed rows waits for the
            # device, and positions made here know of none.
            position_ids=position_ids,
        )
        if position_ids is None:
            position_ids = self._positions(hidden, past, attention_mask)
        position_embeddings = self.rotary_emb(hidden, position_ids, long_rows)
        for layer in self.layers:
            hidden = layer(
                hidden,
                attention_mask=causal_mask,
                position_ids=position_ids,
                past_key_values=past_key_values,
                use_cache=use_cache,
                position_embeddings=position_embeddings,
                **kwargs,
            )
        return BaseModelOutputWithPast(
            last_hidden_state=self.norm(hidden),
            past_key_values=past_key_values if use_cache else None,
        )

    def _positions(
        self, hidden: Tensor, past: int, attention_mask: Tensor | None
    ) -> Tensor:
        """Number the tokens of ``hidden`` in their rows: [batch or 1, length]."""
        length = hidden.shape[1]
        if attention_mask is not None and attention_mask.ndim == 2:
            return mask_positions(attention_mask)[:, -length:].to(hidden.device)
        return torch.arange(past, past + length, device=hidden.device)[None]

    def _long_rows(
        self,
        hidden: Tensor,
        past: int,
        attention_mask: Tensor | None,
        position_ids: Tensor | None,
        row_lengths: Tensor | None,
    ) -> Tensor:
        """Tell which rows use the long factors: bool [batch] or [1].

        Raises ``ValueError`` when a row's cached keys were made with the short ones:
        ``generate`` encodes such rows anew, and a decoding loop of one's own has to do
        the same. (A cache that was cut back to the short range is not noticed.)
        """
        limit = self.config.original_max_position_embeddings
        batch, new = hidden.shape[:2]
        lengths = real_lengths(
            batch=batch,
            width=past + new,
            limit=limit,
            device=hidden.device,
            attention_mask=attention_mask,
            position_ids=position_ids,
            row_lengths=row_lengths,
        )
        if past and past + new > limit:
            if attention_mask is not None and attention_mask.ndim == 2:
                new = (attention_mask[:, past:] != 0).sum(-1).to(hidden.device)
            if any_row_switched(lengths, new, limit):
                raise ValueError(
                    f"A row grows beyond {limit} tokens, where the rope factors "
                    "change, but its cached keys were made with the short ones: run "
                    "the whole sequence again with an empty cache."
                )
        return lengths > limit
