"""What the model will see, before any training.

Everything up to the model's weights is done as a run does it, so that it refuses what a
run refuses.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from PIL import Image
from torch import Tensor

from . import tensors
from .data import RunData, load_data
from .events import SplitFacts, TensorInfo
from .examples import IGNORED, Example, collate
from .facts import split_facts
from .hub import fetch_processor
from .loading import load_processor, longest_row
from .phi3_v.tiling import TILE
from .pixels import Pool, View
from .spec import Spec, parse


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is asked."""

    spec: dict[str, Any]
    rows: int
    """How many of each split."""
    folder: str
    """Where the crops go."""
    cache_folder: str


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the answer; the twins of ``sdk/preview/types.ts``."""


class Span(Part):
    kind: Literal["prompt", "image", "answer", "end", "pad"]
    text: str
    tokens: int
    trained: bool


class Grid(Part):
    rows: int
    columns: int


class Picture(Part):
    path: str
    width: int
    height: int
    visual_tokens: int
    crops: list[str]
    grid: Grid


class Row(Part):
    split: str
    place: str
    tokens: int
    trained_tokens: int
    spans: list[Span]
    pictures: list[Picture]
    references: list[str]


class Preview(Part):
    rows: list[Row]
    tensors: list[TensorInfo]
    splits: list[SplitFacts]


def make_preview(spec: Spec, count: int, folder: Path, cache: Path) -> Preview:
    """The first ``count`` rows of each split, with their crops as files in ``folder``.

    ``tensors`` are those of the first rows of the training split as one batch.

    Raises:
        Refusal: as a run.
    """
    settings = fetch_processor(spec.model, lambda *_: None)
    processor = load_processor(spec.model, settings)
    pool = Pool(spec.compute.loader_workers)
    try:
        data = load_data(
            spec.data, processor, longest_row(settings), cache, pool, lambda *_: None
        )
        return _shown(data, processor, count, folder)
    finally:
        pool.close()


def _shown(data: RunData, processor: Any, count: int, folder: Path) -> Preview:
    pad_id = processor.tokenizer.pad_token_id
    rows = []
    for split, examples in data.splits.items():
        width = max(example.length for example in examples[:count])
        rows += [
            _row(split, one, width, data, processor, folder) for one in examples[:count]
        ]
    batch = collate(data.splits["train"][:count], pad_id)
    named = {
        "input_ids": batch.input_ids,
        "labels": batch.labels,
        "row_lengths": batch.lengths,
        **(data.preparer.pixels(batch.views) if batch.views else {}),
    }
    return Preview(
        rows=rows,
        tensors=[tensors.describe(name, one) for name, one in named.items()],
        splits=split_facts(data),
    )


def _row(
    split: str,
    example: Example,
    width: int,
    data: RunData,
    processor: Any,
    folder: Path,
) -> Row:
    decode = processor.tokenizer.decode
    spans = [
        Span(
            kind=span.kind,
            text="" if span.kind == "image" else decode(list(span.ids)),
            tokens=len(span),
            trained=span.is_trained,
        )
        for span in example.spans
    ]
    padding = width - example.length
    if padding > 0:
        spans.append(Span(kind="pad", text="", tokens=padding, trained=False))
    return Row(
        split=split,
        place=example.row.place,
        tokens=example.length,
        trained_tokens=sum(label != IGNORED for label in example.labels),
        spans=spans,
        pictures=[_picture(view, data, processor, folder) for view in example.views()],
        references=list(example.row.references),
    )


def _picture(view: View, data: RunData, processor: Any, folder: Path) -> Picture:
    entry = data.preparer.entry(view)
    tiles = processor.image_processor.tiles(entry.canvas, entry.global_view)
    _, height, width = entry.canvas.shape
    picture = view.picture
    return Picture(
        path=picture.file(folder),
        width=picture.size[0],
        height=picture.size[1],
        visual_tokens=processor.image_processor.visual_tokens(*picture.size),
        crops=[
            _write_tile(tile, processor, folder / f"{picture.digest()}-{at}.png")
            for at, tile in enumerate(tiles)
        ],
        grid=Grid(rows=height // TILE, columns=width // TILE),
    )


def _write_tile(tile: Tensor, processor: Any, path: Path) -> str:
    """A tile as people can look at it: the normalisation undone."""
    mean = np.array(processor.image_processor.image_mean)
    std = np.array(processor.image_processor.image_std)
    pixels = tile.permute(1, 2, 0).numpy() * std + mean
    seen = np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8)
    Image.fromarray(seen).save(path)
    return str(path)


def answer(request: Request) -> Preview:
    """Raises:
    Refusal: as ``make_preview``.
    """
    folder, cache = Path(request.folder), Path(request.cache_folder)
    return make_preview(parse(request.spec), request.rows, folder, cache)
