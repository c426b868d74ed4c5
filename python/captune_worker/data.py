"""The data of a run: read, checked, counted and ready to be batched."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from .examples import Encoder, Example
from .pictures import Picture, PictureProblem
from .pixels import PixelCache, Pool, Preparer, View
from .report import Report
from .rows import SPLITS, BadRow, Problems, Row, RowCode, demand_rows, read_splits
from .spec import Data

Progress = Callable[[int, int], None]
"""Told how many are done, and of how many."""

CHECKED_PICTURES = 2_000
"""Up to so many all pictures are decoded before training, unless the spec says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """Everything there is to learn from and to be judged by."""

    splits: dict[str, list[Example]]
    encoder: Encoder
    preparer: Preparer
    problems: Problems
    shared: dict[tuple[str, str], int]
    """Pictures that two splits have in common, where they do."""

    @property
    def fingerprint(self) -> str:
        """Names the training rows: what is learnt, and in which order they stand."""
        digest = hashlib.sha256()
        for example in self.splits["train"]:
            named = [(span.kind, span.ids, span.repeat) for span in example.spans]
            pictures = [one.byte_length for one in example.row.pictures]
            digest.update(repr((named, pictures)).encode())
        return digest.hexdigest()


def load_data(
    spec: Data,
    processor: Any,
    max_tokens: int,
    cache: Path,
    pool: Pool,
    on_progress: Progress,
    wanted: Sequence[str] = SPLITS,
) -> RunData:
    """Reads and checks the wanted splits of a spec's data.

    ``max_tokens`` is the longest row that the model takes; ``on_progress`` is told of
    pictures that are ready.

    Raises:
        Refusal: ``DATA_INVALID`` when a source gives nothing, or has bad rows and the
            spec does not want them dropped.
    """
    problems = Problems(spec.on_bad_row)
    pixels = PixelCache(
        cache / "pixels", processor.image_processor, spec.pictures.cache_bytes
    )
    preparer = Preparer(
        processor.image_processor,
        pixels,
        pool,
        spec.pictures.max_pixels,
        spec.augmentation,
    )
    rows = read_splits(spec, cache, problems, wanted)
    rows = _without(rows, preparer.measure(_pictures(rows)), problems)
    encoder = Encoder(processor)
    limit = min(max_tokens, spec.max_tokens or max_tokens)
    splits = {
        split: _encoded(split, own, encoder, limit, problems)
        for split, own in rows.items()
    }
    problems.judge()
    rows = {split: [one.row for one in own] for split, own in splits.items()}
    pictures = _pictures(rows)
    if spec.pictures.check == "all" or (
        spec.pictures.check == "auto" and len(pictures) <= CHECKED_PICTURES
    ):
        bad = preparer.check(pictures, lambda done: on_progress(done, len(pictures)))
        whole = _without(rows, bad, problems)
        kept = {id(row) for own in whole.values() for row in own}
        splits = {
            split: [one for one in own if id(one.row) in kept]
            for split, own in splits.items()
        }
        problems.judge()
    demand_rows({split: [one.row for one in own] for split, own in splits.items()})
    return RunData(
        splits=splits,
        encoder=encoder,
        preparer=preparer,
        problems=problems,
        shared=shared_pictures(
            {split: [one.row for one in own] for split, own in splits.items()}
        ),
    )


class Screen:
    """Keeps back examples whose pictures only decoding shows to be bad.

    Where all pictures are checked before training it finds nothing, but for files that
    somebody damages meanwhile.
    """

    def __init__(
        self,
        problem: Callable[[View], PictureProblem | None],
        problems: Problems,
        report: Report,
        run_folder: Path,
    ) -> None:
        self._problem = problem
        self._problems = problems
        self._report = report
        self._folder = run_folder
        self._bad: set[int] = set()

    def passes(self, split: str, example: Example, seed: str | None = None) -> bool:
        """Can the example be used? Waits for its pictures.

        Raises:
            Refusal: ``DATA_INVALID`` when it cannot and the spec does not want such
                rows dropped.
        """
        if id(example) in self._bad:
            return False
        for view in example.views(seed):
            problem = self._problem(view)
            if problem is not None:
                self._drop(
                    split, example, BadRow.of_picture(problem, view.picture.name)
                )
                return False
        return True

    def _drop(self, split: str, example: Example, bad: BadRow) -> None:
        self._bad.add(id(example))
        place = example.row.place
        self._problems.add(split, place, bad)
        self._problems.judge()
        self._problems.write(self._folder)
        self._report.warning(
            code="ROW_DROPPED",
            message=f"{place} {bad.reason}; it is left out from now on.",
            data={"split": split, "place": place, "code": bad.code},
        )


def shared_pictures(splits: dict[str, list[Row]]) -> dict[tuple[str, str], int]:
    """How many pictures each two splits have in common, by content.

    Only pictures of the same size in bytes and pixels are read and compared.
    """
    alike: defaultdict[tuple, list[tuple[str, Picture]]] = defaultdict(list)
    for split, rows in splits.items():
        for picture in _pictures({split: rows}):
            alike[(picture.byte_length, *picture.size)].append((split, picture))
    where: defaultdict[str, set[str]] = defaultdict(set)
    for group in alike.values():
        if len({split for split, _ in group}) > 1:
            for split, picture in group:
                where[picture.digest()].add(split)
    counts = Counter(
        pair
        for names in where.values()
        for pair in combinations([one for one in splits if one in names], 2)
    )
    return dict(counts)


def _pictures(splits: dict[str, list[Row]]) -> list[Picture]:
    """Each once, in the order in which they are first shown."""
    return list(
        dict.fromkeys(
            picture
            for rows in splits.values()
            for row in rows
            for picture in row.pictures
        )
    )


def _without(
    splits: dict[str, list[Row]],
    bad: Iterable[tuple[Picture, PictureProblem]],
    problems: Problems,
) -> dict[str, list[Row]]:
    """The rows that show none of the bad pictures; the others are noted."""
    trouble = dict(bad)
    if not trouble:
        return splits

    def is_good(split: str, row: Row) -> bool:
        worst = next((one for one in row.pictures if one in trouble), None)
        if worst is not None:
            found = BadRow.of_picture(trouble[worst], worst.name)
            problems.add(split, row.place, found)
        return worst is None

    return {
        split: [row for row in rows if is_good(split, row)]
        for split, rows in splits.items()
    }


def _encoded(
    split: str, rows: Sequence[Row], encoder: Encoder, limit: int, problems: Problems
) -> list[Example]:
    examples = []
    for row, made in zip(rows, encoder.encode_all(rows), strict=True):
        if isinstance(made, Example) and made.length > limit:
            made = BadRow(
                RowCode.ROW_TOO_LONG,
                f"has {made.length} tokens, {made.visual_tokens} of them of pictures; "
                f"{limit} is the most",
                made.length,
                "Shorten it, lower model.imageCrops, or raise data.maxTokens if that "
                "set the limit.",
            )
        if isinstance(made, BadRow):
            problems.add(split, row.place, made)
        else:
            examples.append(made)
    return examples


def deal_pictures(rows: Sequence[Row], order: Sequence[int]) -> list[Row]:
    """The same rows, each with the pictures of another that shows as many.

    ``order`` is a permutation; within it each row gets the next one's pictures.
    """
    dealt = list(rows)
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for index in order:
        groups[len(rows[index].pictures)].append(index)
    for group in groups.values():
        for index, other in zip(group, group[1:] + group[:1], strict=True):
            dealt[index] = rows[index].showing(rows[other].pictures)
    return dealt
