"""Phi3's decoder layer in fewer passes over memory; parameters and names are Phi3's.

On a GPU the layer's small operators cost as much as its products of matrices. What is
here computes the same from torch's own operators, rounding less often in 16 bits.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Phi3Config
from transformers.cache_utils import Cache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.phi3.modeling_phi3 import (
    Phi3Attention,
    Phi3DecoderLayer,
    Phi3RMSNorm,
    eager_attention_forward,
)


class Phi3VRMSNorm(Phi3RMSNorm):
    """Root mean square norm (arXiv 1910.07467), as one operator."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        return nn.functional.rms_norm(
            hidden_states, self.weight.shape, self.weight, self.variance_epsilon
        )


class Phi3VAttention(Phi3Attention):
    """Attention whose queries and keys are rotated together, and without copies."""

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Tensor | None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Give what the layer adds, [batch, length, hidden], and eager's weights."""
        batch_and_length = hidden_states.shape[:-1]
        heads, shared = self.config.num_attention_heads, self.num_key_value_heads
        qkv = self.qkv_proj(hidden_states).view(*batch_and_length, -1, self.head_dim)
        qkv = qkv.transpose(1, 2)
        rotated = rotate(qkv[:, : heads + shared], *position_embeddings)
        query, key = rotated.split((heads, shared), dim=1)
        value = qkv[:, heads + shared :]
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        output, weights = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=self.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            sliding_window=self.config.sliding_window,
            **kwargs,
        )
        return self.o_proj(output.reshape(*batch_and_length, -1)), weights


class Phi3VDecoderLayer(Phi3DecoderLayer):
    """A layer of the decoder, made of the parts above."""

    def __init__(self, config: Phi3Config, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.self_attn = Phi3VAttention(config, layer_idx)
        self.input_layernorm = Phi3VRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = Phi3VRMSNorm(
            config.hidden_size, config.rms_norm_eps
        )


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate ``x`` [batch, heads, length, d] (arXiv 2104.09864, in halves).

    ``cos`` and ``sin`` [batch or 1, length, r] hold every angle twice. With r < d the
    rest of each head stays as it is.
    """
    half = cos.shape[-1] // 2
    cos, sin = cos[:, None, :, :half], sin[:, None, :, :half]
    first, second = x[..., :half], x[..., half : 2 * half]
    turned = [
        torch.addcmul(first * cos, second, sin, value=-1),
        torch.addcmul(second * cos, first, sin),
    ]
    if 2 * half < x.shape[-1]:
        turned.append(x[..., 2 * half :])
    return torch.cat(turned, dim=-1)
