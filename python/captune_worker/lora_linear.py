"""PEFT's LoRA layer with the same mathematics in fewer passes over memory."""

from typing import Any

import torch
from peft.tuners import lora
from torch import Tensor, nn


class LeanLoraLinear(lora.Linear):
    """``x W + scaling * dropout(x) A B`` for plain LoRA on a plain linear layer.

    PEFT casts the input to the adapter's float32, and adds and scales in passes of
    their own over tensors as large as the output. Here the small matrices are cast to
    the input's type, and the last product adds to the output as it is made. In float32
    both are equal but for rounding. Names and files are PEFT's.
    """

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        (adapter,) = self.active_adapters
        if self.disable_adapters or self.merged or kwargs or args:
            return super().forward(x, *args, **kwargs)
        if not self._is_plain(adapter):
            return super().forward(x)
        output = self.base_layer(x)
        # Under autocast the output's type is the one that is computed in.
        down = self.lora_A[adapter].weight.to(output.dtype)
        up = self.lora_B[adapter].weight.to(output.dtype)
        inner = nn.functional.linear(self.lora_dropout[adapter](x), down)
        added = torch.addmm(
            output.flatten(0, -2),
            inner.flatten(0, -2),
            up.t(),
            alpha=self.scaling[adapter],
        )
        return added.view_as(output)

    def _is_plain(self, adapter: str) -> bool:
        """Is there one of that name here, and nothing but two matrices?

        Adapters from elsewhere may leave this layer out, or be of another kind.
        """
        if adapter not in self.lora_A or adapter in self.lora_variant:
            return False
        return self.lora_B[adapter].bias is None
