"""What pictures are to the decoder, computed once each as long as that cannot change."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .images import read_image

KEPT_BYTES = 2 * 1024**3
"""Memory that kept features may take; later pictures are computed every time."""


class ImageFeatures:
    """Projected rows of pictures: one tensor [visual tokens, hidden] each.

    Where neither tower nor projector is trained they are constants, so each picture
    is read and encoded once in a run, for training and evaluation alike.
    """

    def __init__(self, causal: Any, image_processor: Any) -> None:
        self._causal = causal
        self._image_processor = image_processor
        self._kept: dict[Path, Tensor] = {}
        self._kept_bytes = 0

    def of(self, pictures: Sequence[Path]) -> list[Tensor]:
        """Features in the order of the pictures; differentiable if they are trained."""
        embedding = self._causal.model.vision_embed_tokens
        if any(parameter.requires_grad for parameter in embedding.parameters()):
            return self._encode(pictures)
        missing = [one for one in dict.fromkeys(pictures) if one not in self._kept]
        fresh = {}
        if missing:
            with torch.no_grad():
                fresh = dict(zip(missing, self._encode(missing), strict=True))
        for picture, features in fresh.items():
            self._keep(picture, features)
        return [fresh[one] if one in fresh else self._kept[one] for one in pictures]

    def pixels(self, pictures: Sequence[Path]) -> dict[str, Tensor]:
        """``pixel_values`` and ``image_sizes`` of pictures, as the tower gets them."""
        seen = self._image_processor([read_image(path) for path in pictures])
        like = self._causal.model.vision_embed_tokens.glb_GN
        return {
            "pixel_values": seen["pixel_values"].to(like.device, like.dtype),
            "image_sizes": seen["image_sizes"],
        }

    def _encode(self, pictures: Sequence[Path]) -> list[Tensor]:
        return self._causal.get_image_features(**self.pixels(pictures))

    def _keep(self, picture: Path, features: Tensor) -> None:
        size = features.numel() * features.element_size()
        if self._kept_bytes + size <= KEPT_BYTES:
            # A copy: a slice of the batch's tensor would keep all of that alive.
            self._kept[picture] = features.clone()
            self._kept_bytes += size
