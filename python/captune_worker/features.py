"""What pictures are to the decoder, computed once each as long as that cannot change."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .pictures import PictureProblem
from .pixels import Preparer, View

KEPT_BYTES = {"cuda": 2 * 1024**3, "cpu": 256 * 1024**2}
"""Memory that kept features may take; later pictures are computed every time."""


class ImageFeatures:
    """Projected rows of pictures: one tensor [visual tokens, hidden] each.

    Where neither tower nor projector is trained they are constants, so each picture is
    prepared and encoded once in a run, for training and evaluation alike. Pictures that
    are changed by chance are not kept.
    """

    def __init__(self, causal: Any, preparer: Preparer) -> None:
        self._causal = causal
        self._preparer = preparer
        self.keep = False
        """Is each picture encoded only once?"""
        self._kept: dict[str, Tensor] = {}
        self._kept_bytes = 0

    def expect(self, views: Sequence[View]) -> None:
        """These will be asked for next."""
        self._preparer.expect([one for one in views if self._known(one) is None])

    def problem(self, view: View) -> PictureProblem | None:
        """What is wrong with a picture, if that is not known to be nothing."""
        return None if self._known(view) is not None else self._preparer.problem(view)

    def of(self, views: Sequence[View]) -> list[Tensor]:
        """Features in the order of the views; differentiable if they are trained.

        Raises:
            BadPicture: for the first that cannot be read.
        """
        if not views:
            return []
        if self.are_trained and torch.is_grad_enabled():
            return self._encode(views)
        known = {one: self._known(one) for one in views}
        missing = [one for one, features in known.items() if features is None]
        if missing:
            # One by one: what a picture becomes must not hang on its neighbours, or a
            # resumed run, and an evaluation by itself, which encode them in other
            # company, would differ.
            for view in missing:
                with torch.no_grad():
                    (known[view],) = self._encode([view])
                self._keep(view, known[view])
        return [known[view] for view in views]

    def pixels(self, views: Sequence[View]) -> dict[str, Tensor]:
        """``pixel_values`` and ``image_sizes`` of pictures, as the tower gets them."""
        seen = self._preparer.pixels(views)
        like = self._causal.model.vision_embed_tokens.glb_GN
        return {
            "pixel_values": seen["pixel_values"].to(
                like.device, like.dtype, non_blocking=True
            ),
            "image_sizes": seen["image_sizes"],
        }

    @property
    def are_trained(self) -> bool:
        """Does training change what a picture is to the decoder?"""
        embedding = self._causal.model.vision_embed_tokens
        return any(parameter.requires_grad for parameter in embedding.parameters())

    def _known(self, view: View) -> Tensor | None:
        if view.seed is not None or view.picture.key is None:
            return None
        return self._kept.get(view.picture.key)

    def _encode(self, views: Sequence[View]) -> list[Tensor]:
        return self._causal.get_image_features(**self.pixels(views))

    def _keep(self, view: View, features: Tensor) -> None:
        size = features.numel() * features.element_size()
        room = KEPT_BYTES[features.device.type] - self._kept_bytes
        key = view.picture.key
        if self.keep and view.seed is None and key is not None and size <= room:
            self._kept[key] = features
            self._kept_bytes += size
