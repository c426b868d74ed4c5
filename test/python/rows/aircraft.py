"""The files of the well-known airplane story, drawn small.

Columns and types are those of the hub's ``Multimodal-Fatima/FGVC_Aircraft_train`` and
``..._test``, whose rows are chosen by the tags that CLIP gave them.
"""

import io
import random
from pathlib import Path
from typing import Any

from PIL import Image

TAG_COLUMN = "clip_tags_ViT_L_14"
WANTED = ("boeing 707", "boeing 737", "boeing 777", "boeing 787")
NEAR_MISSES = (
    ["boeing 7070"],
    ["Boeing 707"],
    ["boeing 707-320"],
    [" boeing 737"],
    ["boeing 747", "boeing 757"],
    ["BOEING 787", "jet"],
    [],
    None,
)
TRAIN, TRAIN_WANTED = 400, 136
TEST, TEST_WANTED = 60, 16
TEXTS = (
    "LLM_Description_gpt3_downstream_tasks_visual_genome_ViT_L_14",
    "blip_caption_beam_5",
    "blip_caption",
)
LISTS = (
    "LLM_Description_opt175b_downstream_tasks_ViT_L_14",
    "LLM_Description_gpt3_downstream_tasks_ViT_L_14",
    "Attributes_ViT_L_14_text_davinci_003_full",
    "Attributes_ViT_L_14_text_davinci_003_fgvc",
    "clip_tags_ViT_L_14_with_openai_classes",
    "clip_tags_ViT_L_14_wo_openai_classes",
    "clip_tags_ViT_L_14_simple_specific",
    "clip_tags_ViT_L_14_ensemble_specific",
)


def write_aircraft(folder: Path) -> tuple[Path, Path]:
    """Writes ``train.parquet`` and ``test.parquet``; only the first says that its images are images."""
    import pyarrow.parquet as pq

    train, test = folder / "train.parquet", folder / "test.parquet"
    pq.write_table(_table(TRAIN, TRAIN_WANTED, 1, True), train, row_group_size=100)
    pq.write_table(_table(TEST, TEST_WANTED, 2, False), test)
    return train, test


def _table(rows: int, wanted: int, seed: int, is_marked: bool) -> Any:
    import pyarrow as pa

    rng = random.Random(seed)
    tags = [
        [rng.choice(WANTED), *rng.sample(["jet", "wing", "boeing 747"], 2)]
        for _ in range(wanted)
    ]
    tags[0] = ["sky", "boeing 707", "boeing 737"]
    tags += [rng.choice(NEAR_MISSES) for _ in range(rows - wanted - len(NEAR_MISSES))]
    tags += NEAR_MISSES
    rng.shuffle(tags)
    text, texts = pa.string(), pa.list_(pa.string())
    columns = {
        "image": (
            pa.struct([("bytes", pa.binary()), ("path", text)]),
            [{"bytes": _picture(rng), "path": f"{at:07}.jpg"} for at in range(rows)],
        ),
        "family": (text, [f"family {at % 9}" for at in range(rows)]),
        "manufacturer": (text, [f"maker {at % 4}" for at in range(rows)]),
        "label": (pa.int64(), [at % 100 for at in range(rows)]),
        "id": (pa.int64(), list(range(rows))),
        TAG_COLUMN: (texts, tags),
        **{
            name: (text, [f"a plane, number {at}" for at in range(rows)])
            for name in TEXTS
        },
        **{name: (texts, [["a wing", "a tail"]] * rows) for name in LISTS},
    }
    table = pa.table({name: pa.array(v, kind) for name, (kind, v) in columns.items()})
    if not is_marked:
        return table
    import datasets

    features = datasets.Features.from_arrow_schema(table.schema)
    features["image"] = datasets.Image()
    return table.replace_schema_metadata(features.arrow_schema.metadata)


def _picture(rng: random.Random) -> bytes:
    color = tuple(rng.randrange(256) for _ in range(3))
    file = io.BytesIO()
    Image.new("RGB", (rng.randint(24, 48), rng.randint(16, 32)), color).save(
        file, "JPEG"
    )
    return file.getvalue()
