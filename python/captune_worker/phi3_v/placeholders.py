"""Image placeholders in token ids: where they are, whose they are, and filling them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def placeholder_mask(input_ids: Tensor, image_token_id: int) -> Tensor:
    """Mark image placeholders: bool of the shape of ``input_ids``.

    A placeholder is ``image_token_id`` or, as the original processor writes it,
    negative.
    """
    return (input_ids == image_token_id) | (input_ids < 0)


def images_per_row(placeholders: Sequence[int], tokens: Sequence[int]) -> list[int]:
    """Deal the images, in order, to the rows whose placeholders they fill.

    ``placeholders`` counts them per row, ``tokens`` is the visual tokens per image.
    Raises ``ValueError`` unless every row is filled exactly and no image is left over:
    a total that happens to fit would let one row's image run into the next.
    """
    dealt, image = [], 0
    for wanted in placeholders:
        first, filled = image, 0
        while filled < wanted and image < len(tokens):
            filled += tokens[image]
            image += 1
        if filled != wanted:
            break
        dealt.append(image - first)
    if len(dealt) < len(placeholders) or image < len(tokens):
        raise ValueError(
            f"The rows hold {list(placeholders)} image placeholders and the images "
            f"make {list(tokens)} visual tokens: each row's images must fill its "
            "placeholders exactly."
        )
    return dealt


def fill_placeholders(
    input_ids: Tensor,
    image_features: Sequence[Tensor],
    embed_tokens: nn.Embedding,
    image_token_id: int,
) -> Tensor:
    """Embed ``input_ids`` [batch, length] with images: [batch, length, hidden].

    ``image_features`` is one tensor [visual tokens, hidden] per image, in the order in
    which images appear, row by row. No argument is changed. With ``input_ids`` on the
    CPU nothing is read back from the device. Raises ``ValueError`` when images and
    placeholders do not fit.
    """
    mask = placeholder_mask(input_ids, image_token_id)
    counts = mask.sum(-1).tolist()
    images_per_row(counts, [len(features) for features in image_features])
    # Any valid id serves there: its embedding is overwritten and gets no gradient from
    # it.
    device = next(embed_tokens.parameters()).device
    ids = input_ids.masked_fill(mask, 0).to(device, non_blocking=True)
    embeddings = embed_tokens(ids)
    if not image_features:
        return embeddings
    rows = torch.cat([features.to(embeddings) for features in image_features])
    mask = mask.to(device, non_blocking=True)
    return embeddings.masked_scatter(mask[..., None], rows)
