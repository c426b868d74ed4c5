"""Where the fixtures of these tests lie."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoProcessor

from .tiny import write_checkpoint

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def goldens() -> dict[str, Any]:
    path = REPOSITORY / "test" / "fixtures" / "phi3v" / "goldens.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def hub() -> Path:
    """The data files of the released model, which are not part of the repository."""
    path = REPOSITORY.parent / "shared" / "phi3v" / "hub"
    if not path.is_dir():
        pytest.skip("the hub's tokenizer and index are not at ../shared/phi3v/hub")
    return path


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny model in the hub's layout; read only."""
    folder = tmp_path_factory.mktemp("phi3v") / "tiny"
    write_checkpoint(folder)
    return folder


@pytest.fixture(scope="session")
def processor(checkpoint: Path) -> Any:
    """The tiny checkpoint's processor with at most 4 tiles per picture."""
    return AutoProcessor.from_pretrained(checkpoint, num_crops=4)
