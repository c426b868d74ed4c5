"""Pictures ready for the vision tower, made ahead of time where it is known which come next."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import torch
from torch import Tensor

from ..phi3_v.image_processing import Phi3VImageProcessor
from ..phi3_v.tiling import TILE, layout
from ..pictures import Header, Picture, PictureProblem, Step
from .cache import Entry, PixelCache, read_entry
from .pool import Crash, Pool
from .work import Order, Prepared, Trouble, measure, prepare

CHUNK = 256
"""Headers read by one piece of work."""
GLOBAL_VIEW_BYTES = 3 * TILE * TILE * 4
CRASHES = PictureProblem("PICTURE_DAMAGED", "crashes its decoder")


@dataclass(frozen=True, slots=True)
class View:
    """A picture as it is shown once: as it is, or changed by chance."""

    picture: Picture
    seed: str | None = None
    """Seeds the augmentation; None: none."""


class BadPicture(Exception):
    """A picture that cannot be prepared."""

    def __init__(self, picture: Picture, problem: PictureProblem) -> None:
        super().__init__(problem.reason)
        self.picture = picture
        self.problem = problem


class Preparer:
    """Prepares pictures in the pool and hands them out as tiles."""

    def __init__(
        self,
        image_processor: Phi3VImageProcessor,
        cache: PixelCache,
        pool: Pool,
        max_pixels: int,
        augmentation: Sequence[Step] = (),
    ) -> None:
        self._processor = image_processor
        self._cache = cache
        self._pool = pool
        self._max_pixels = max_pixels
        self._augmentation = tuple(augmentation)
        self._pending: dict[View, Future[Prepared | Trouble]] = {}
        self._stored: set[Picture] = set()
        self._at_hand: dict[View, Entry] = {}
        self._room = torch.empty(0)
        self.decodes = 0
        """Pictures read so far, by all processes."""

    @property
    def most_pending(self) -> int:
        """How many pictures may be in the making: enough that no process waits."""
        return max(4 * self._pool.workers, 1)

    def expect(self, views: Iterable[View]) -> None:
        """These come next, in this order; as many as can be are begun now."""
        if self._pool.workers == 0:
            return
        for view in views:
            if len(self._pending) >= self.most_pending:
                return
            if not self._is_known(view):
                self._pending[view] = self._begin(view)

    def entry(self, view: View) -> Entry:
        """The picture, prepared; waits for it where it has been begun.

        Raises:
            BadPicture: when it cannot be read.
        """
        if self._is_stored(view):
            kept = read_entry(self._cache.path(view.picture.key))
            if kept is not None:
                return kept
            # Somebody has emptied the cache.
            self._stored.discard(view.picture)
        entry = self._at_hand.pop(view, None) or self._finish(view)
        return self.entry(view) if entry is None else entry

    def tiles(self, view: View) -> Tensor:
        """float32 [1 + rows * columns, 3, 336, 336].

        Raises:
            BadPicture: when it cannot be read.
        """
        entry = self.entry(view)
        return self._processor.tiles(entry.canvas, entry.global_view)

    def pixels(self, views: Sequence[View]) -> dict[str, Tensor]:
        """``pixel_values`` and ``image_sizes`` as the image processor's ``preprocess``.

        The pixels are good until the next call, which writes over them.

        Raises:
            BadPicture: for the first that cannot be read.
        """
        entries = [self.entry(view) for view in views]
        most = max(one.canvas[0].numel() // TILE**2 for one in entries) + 1
        shape = (len(entries), most, 3, TILE, TILE)
        # In place, in memory already touched: new pages cost more than the arithmetic.
        if self._room.numel() < math.prod(shape):
            self._room = torch.empty(math.prod(shape))
        pixel_values = self._room[: math.prod(shape)].view(shape)
        for one, room in zip(entries, pixel_values, strict=True):
            tiles = self._processor.tiles(one.canvas, one.global_view, room)
            room[len(tiles) :] = 0
        return {
            "pixel_values": pixel_values,
            "image_sizes": torch.tensor([one.canvas.shape[1:] for one in entries]),
        }

    def problem(self, view: View) -> PictureProblem | None:
        """What is wrong with a picture, found by preparing it; None: nothing."""
        if view in self._at_hand or self._is_stored(view):
            return None
        try:
            entry = self._finish(view)
        except BadPicture as bad:
            return bad.problem
        if entry is not None:
            self._at_hand[view] = entry
        return None

    def measure(
        self, pictures: Sequence[Picture]
    ) -> list[tuple[Picture, PictureProblem]]:
        """Fills in sizes from headers; gives the pictures that have none worth it."""
        bad = []
        for picture, header in zip(pictures, self._headers(pictures), strict=True):
            if isinstance(header, Trouble):
                bad.append((picture, _problem(header)))
                continue
            picture.size = (header.width, header.height)
            picture.byte_length = header.byte_length
        return bad

    def check(
        self, pictures: Sequence[Picture], on_progress: Callable[[int], None]
    ) -> list[tuple[Picture, PictureProblem]]:
        """Prepares all of them; gives those that cannot be."""
        bad = []
        views = [View(picture) for picture in pictures]
        for at, view in enumerate(views):
            self.expect(views[at : at + 2 * self.most_pending])
            problem = self.problem(view)
            self._at_hand.pop(view, None)
            if problem is not None:
                bad.append((view.picture, problem))
            on_progress(at + 1)
        return bad

    def _begin(self, view: View) -> "Future[Prepared | Trouble]":
        width, height = view.picture.size
        grid = layout(width, height, self._processor.num_crops)
        size = grid.rows * grid.columns * 3 * TILE * TILE + GLOBAL_VIEW_BYTES
        return self._pool.submit(
            prepare,
            Order(
                content=view.picture.content(),
                processor=self._processor,
                max_pixels=self._max_pixels,
                folder=self._cache.folder,
                suffix=self._cache.suffix,
                store=view.seed is None and self._cache.make_room(size),
                steps=self._augmentation,
                seed=view.seed,
            ),
        )

    def _is_stored(self, view: View) -> bool:
        return view.seed is None and view.picture in self._stored

    def _is_known(self, view: View) -> bool:
        return view in self._pending or view in self._at_hand or self._is_stored(view)

    def _finish(self, view: View) -> Entry | None:
        """Has the picture prepared; gives it unless it is in the cache then.

        Raises:
            BadPicture: when it cannot be read.
        """
        future = self._pending.pop(view, None) or self._begin(view)
        try:
            prepared = self._pool.result_of(future)
        except Crash:
            # Whose fault it was is not known: everything pending is lost. Alone, it shows.
            self._pending.clear()
            try:
                prepared = self._pool.result_of(self._begin(view))
            except Crash:
                raise BadPicture(view.picture, CRASHES) from None
        if isinstance(prepared, Trouble):
            raise BadPicture(view.picture, _problem(prepared))
        self.decodes += prepared.decoded
        self._cache.note(prepared.stored)
        view.picture.key = prepared.key
        if prepared.canvas is not None:
            return _unpacked(prepared)
        self._stored.add(view.picture)
        return None

    def _headers(self, pictures: Sequence[Picture]) -> Iterator[Header | Trouble]:
        """In the pool where they are files; what is within a file is at hand here."""
        files = [one for one in pictures if isinstance(one.source, str)]
        parts = [files[at : at + CHUNK] for at in range(0, len(files), CHUNK)]
        futures = [
            self._pool.submit(measure, [one.source for one in part], self._max_pixels)
            for part in parts
        ]
        found: dict[Picture, Header | Trouble] = {}
        for part, future in zip(parts, futures, strict=True):
            try:
                headers = self._pool.result_of(future)
            except Crash:
                headers = [Trouble.of(CRASHES)] * len(part)
            found.update(zip(part, headers, strict=True))
        for picture in pictures:
            if picture in found:
                yield found[picture]
            else:
                (header,) = measure([picture.content()], self._max_pixels)
                yield header


def _problem(trouble: Trouble) -> PictureProblem:
    return PictureProblem(trouble.code, trouble.reason, trouble.remedy)


def _unpacked(prepared: Prepared) -> Entry:
    canvas = torch.frombuffer(bytearray(prepared.canvas), dtype=torch.uint8)
    whole = torch.frombuffer(bytearray(prepared.global_view), dtype=torch.float32)
    return Entry(canvas.view(prepared.shape), whole.view(3, TILE, TILE))
