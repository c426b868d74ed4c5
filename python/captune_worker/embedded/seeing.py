"""First stage: the vision tower learns to tell which phrases a caption would hold.

Through a decoder that cannot speak yet, a picture's gradient says little; asked for the
words of the caption as a set (Joulin et al. 2016, arXiv 1511.02251), the tower learns
in minutes. Each phrase looks for itself where in the picture it may be seen.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..airplanes import Scene, pretraining_scene
from ..phi3_v import Phi3VForCausalLM
from .captions import PHRASES, phrases
from .optimizer import Optimizer
from .pictures import picture_tiles

BATCH = 8
LEARNING_RATE = 2e-3
RARE = -1.5
"""Bias that makes a phrase improbable at first, as most are."""


class PhraseHead(nn.Module):
    """Whether each phrase fits: an attention over the picture's tokens per phrase."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.where = nn.Linear(width, len(PHRASES), bias=False)
        self.whether = nn.Linear(width, len(PHRASES))
        nn.init.constant_(self.whether.bias, RARE)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [pictures, phrases] of ``tokens`` [pictures, tokens, width]."""
        tokens = functional.rms_norm(tokens, tokens.shape[-1:])
        return (self.where(tokens).softmax(1) * self.whether(tokens)).sum(1)


def learn_to_see(
    model: Phi3VForCausalLM,
    seed: int,
    pictures: int,
    tell: Callable[[int, float], None],
) -> None:
    """Train tower and projector on the whole views of ``pictures`` pictures."""
    head = PhraseHead(model.config.hidden_size)
    embedding = model.model.vision_embed_tokens
    steps = pictures // BATCH
    used = [named for named in embedding.named_parameters() if named[1].requires_grad]
    optimizer = Optimizer([*used, *head.named_parameters()], LEARNING_RATE, steps)
    for step in range(steps):
        scenes = [pretraining_scene(seed, step * BATCH + n) for n in range(BATCH)]
        logits = head(_whole_views(model, scenes))
        wanted = torch.tensor([_signs(scene) for scene in scenes])
        loss = functional.binary_cross_entropy_with_logits(
            logits, wanted, reduction="sum"
        )
        optimizer.step(loss / BATCH)
        tell(step + 1, loss.item() / BATCH)


def _whole_views(model: Phi3VForCausalLM, scenes: list[Scene]) -> Tensor:
    """The global view's cells, projected, [pictures, cells, hidden]."""
    embedding = model.model.vision_embed_tokens
    # With one crop the grid is the whole view over again: one tile tells it all.
    pixels, _ = picture_tiles(scenes, num_crops=1)
    patches = embedding.img_processor(pixels[:, 0])
    k = embedding.cells
    cells = patches.unflatten(1, (k, 2, k, 2)).transpose(2, 3)
    return embedding.img_projection(cells.flatten(3).flatten(1, 2))


def _signs(scene: Scene) -> list[float]:
    said = set(phrases(scene))
    return [float(phrase in said) for phrase in PHRASES]
