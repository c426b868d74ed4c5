"""LongRoPE with one regime per row: a row's own length chooses short or long factors.

The original code and native Phi3 choose once for a batch, so that a row's logits depend
on its neighbours and on padding. Here a row of at most
``original_max_position_embeddings`` real tokens uses the short factors and a longer one
the long factors, whatever stands beside it. In generation the length is the current
one, generated tokens included.
"""

import torch
from torch import Tensor, nn
from transformers import Phi3Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding


class Phi3VRotaryEmbedding(nn.Module):
    """Rotary position embedding whose factors are chosen row by row.

    ``inv_freq[i] = 1 / (factor[i] * theta ** (2 * i / head_dim))``. In both regimes cos
    and sin are scaled by ``sqrt(1 + ln(s) / ln(original_max))``, where s is
    ``max_position / original_max`` (LongRoPE, arXiv 2402.13753).
    """

    def __init__(self, config: Phi3Config) -> None:
        super().__init__()
        self.config = config
        # Not buffers: a cast of the model to bfloat16 would round them, and loading by
        # way of the meta device would lose them.
        self._frequencies: dict[torch.device, tuple[Tensor, Tensor, float]] = {}

    @torch.no_grad()
    def forward(
        self, x: Tensor, position_ids: Tensor, long_rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give cos and sin, [batch, length, head_dim] in dtype and on device of ``x``.

        ``position_ids`` is [batch or 1, length], int; ``long_rows`` is [batch or 1],
        bool. Angles are float32.
        """
        short, long, scale = self._frequencies_on(x.device)
        inv_freq = torch.where(long_rows[:, None, None], long, short)
        angles = position_ids[..., None].float() * inv_freq
        angles = torch.cat((angles, angles), dim=-1)
        return (angles.cos() * scale).to(x.dtype), (angles.sin() * scale).to(x.dtype)

    def _frequencies_on(self, device: torch.device) -> tuple[Tensor, Tensor, float]:
        """Give short and long frequencies, float32 [head_dim / 2], and the scale."""
        if device not in self._frequencies:
            if self.config.rope_parameters["rope_type"] == "default":
                rule = Phi3RotaryEmbedding.compute_default_rope_parameters
                short, scale = rule(self.config, device)
                long = short
            else:
                rule = ROPE_INIT_FUNCTIONS["longrope"]
                limit = self.config.original_max_position_embeddings
                short, scale = rule(self.config, device, seq_len=limit)
                long, _ = rule(self.config, device, seq_len=limit + 1)
            self._frequencies[device] = (short, long, scale)
        return self._frequencies[device]


def real_lengths(
    *,
    batch: int,
    width: int,
    limit: int,
    device: torch.device,
    attention_mask: Tensor | None = None,
    position_ids: Tensor | None = None,
    row_lengths: Tensor | None = None,
) -> Tensor:
    """Count the real tokens per row, cached ones too: int64 [batch], or [1] for all.

    The first that is given decides: ``row_lengths`` [batch]; a two-dimensional
    ``attention_mask`` [batch, width], nonzero for real tokens; ``position_ids``, by the
    largest position of a row (one sequence per row, not packed); else ``width``.

    Raises ``ValueError`` where two sources could disagree, and where rows that may be
    padded are wider than ``limit`` and nothing tells their lengths: a guess there would
    let padding switch the factors without a sign.
    """
    mask_tells = attention_mask is not None and attention_mask.ndim == 2
    if row_lengths is not None:
        if mask_tells:
            raise ValueError(
                "Give attention_mask or row_lengths, not both: each says how long rows "
                "are."
            )
        if row_lengths.shape != (batch,):
            raise ValueError(
                f"row_lengths must have the shape ({batch},), not "
                f"{tuple(row_lengths.shape)}."
            )
        return row_lengths.to(device, non_blocking=True)
    if mask_tells:
        return (attention_mask != 0).sum(-1).to(device)
    if position_ids is not None:
        return (position_ids.amax(-1) + 1).to(device)
    if batch > 1 and width > limit:
        raise ValueError(
            f"A batch of {batch} rows is {width} tokens wide. Beyond {limit} real "
            "tokens a row has other rope factors, so say how long each is: pass "
            "row_lengths or an attention_mask."
        )
    return torch.full((1,), width, device=device)


def mask_positions(attention_mask: Tensor) -> Tensor:
    """Number the real tokens of every row from 0, as ``generate`` does.

    ``attention_mask`` is [batch, width]; so is the result, int64. Padding gets some
    valid position, which nothing reads.
    """
    return ((attention_mask != 0).long().cumsum(-1) - 1).clamp(min=0)


def any_row_switched(lengths: Tensor, new: Tensor | int, limit: int) -> bool:
    """Tell whether a row has short-factor keys cached and now needs long factors.

    ``lengths`` [batch] counts all real tokens, ``new`` those that are not cached yet.
    """
    cached = lengths - new
    return bool(((cached > 0) & (cached <= limit) & (lengths > limit)).any())
