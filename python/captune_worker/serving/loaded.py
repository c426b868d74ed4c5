"""One copy of a model's weights, and adapters beside it that are switched by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from ..attachment import attach_adapter
from ..errors import Refusal, issue
from ..features import ImageFeatures
from ..hub import Progress, fetch_model, fetch_processor
from ..loading import load_causal, load_processor, longest_row
from ..model import TrainedModel
from ..pixels import PixelCache, Pool, Preparer
from ..resolution import Place, place
from .messages import Load


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is there to be asked."""

    model: TrainedModel
    processor: Any
    new_preparer: Callable[[], Preparer]
    longest: int
    """Tokens that it takes at once."""
    place: Place
    mixed: frozenset[str]
    """Adapters that bring weights of their own in float32."""

    @property
    def parameters(self) -> int:
        return sum(one.numel() for one in self.model.causal.parameters())

    def open_pictures(self) -> Preparer:
        """Prepares the pictures of one call; what a call leaves unused goes with it."""
        preparer = self.new_preparer()
        self.model.features = ImageFeatures(self.model.causal, preparer)
        return preparer

    @contextmanager
    def using(self, adapter: str | None) -> Iterator[TrainedModel]:
        """The model with one of its adapters, or as it is."""
        dtype = self.place.dtype
        is_mixed = adapter in self.mixed and dtype != torch.float32
        self.model.compute_in(dtype if is_mixed else None)
        peft = self.model.peft
        if peft is None:
            yield self.model
        elif adapter is None:
            with peft.disable_adapter():
                yield self.model
        else:
            peft.set_adapter(_inner(adapter))
            yield self.model


def load(
    wanted: Load,
    cache: Path,
    own_folder: Path,
    pool: Pool,
    on_download: Progress,
    check: Callable[[], None],
) -> LoadedModel:
    """Loads a model and its adapters; ``check`` may end it between two steps.

    Pictures that are asked about are prepared again each time, and kept nowhere.

    Raises:
        Refusal: when model, adapters or device cannot serve.
    """
    at = place(wanted.model, wanted.device)
    settings = fetch_processor(wanted.model, on_download)
    processor = load_processor(wanted.model, settings)
    check()
    folder = fetch_model(wanted.model, cache / "verified", on_download)
    check()
    causal = load_causal(wanted.model, folder, at)
    peft: PeftModel | None = None
    for name, path in wanted.adapters.items():
        check()
        field = f"adapters.{name}"
        peft = attach_adapter(causal, peft, Path(path), _inner(name), field)
        _demand_separable(peft, name, path)
    causal.eval()
    nowhere = PixelCache(own_folder / "pixels", processor.image_processor, 0)

    def new_preparer() -> Preparer:
        return Preparer(processor.image_processor, nowhere, pool, wanted.max_pixels)

    features = ImageFeatures(causal, new_preparer())
    return LoadedModel(
        model=TrainedModel(causal, peft, None, processor, features),
        processor=processor,
        new_preparer=new_preparer,
        longest=longest_row(settings),
        place=at,
        mixed=frozenset(
            name
            for name in wanted.adapters
            if peft is not None and peft.peft_config[_inner(name)].modules_to_save
        ),
    )


def _inner(name: str) -> str:
    """What PEFT calls an adapter: torch has no module of a name like ``train``."""
    return f"adapter-{name}"


def _demand_separable(peft: PeftModel, name: str, path: str) -> None:
    """Raises:
    Refusal: ``MODEL_INVALID`` for an adapter that changes the base model itself.
    """
    if peft.peft_config[_inner(name)].bias == "none":
        return
    problem = issue(
        f"adapters.{name}",
        "has trained biases of the model itself, which would change every other answer",
        path,
        "Merge it, and load the merged model.",
    )
    raise Refusal("MODEL_INVALID", "The adapter cannot be switched", [problem])
