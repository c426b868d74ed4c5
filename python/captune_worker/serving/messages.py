"""What travels between a loaded model and the SDK.

The twins of ``sdk/serving/schema.ts``, which hold the descriptions and decide; a test
holds each struct to its schema.
"""

from typing import Literal

import msgspec

from ..events import EndError
from ..spec import Model


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a message."""


class Asked(Part, frozen=True, kw_only=True, tag_field="type"):
    """What the SDK sends."""


class Load(Asked, tag="load"):
    model: Model
    adapters: dict[str, str]
    device: Literal["auto", "cpu", "cuda"]
    max_pixels: int


class ContentPart(Part, frozen=True, kw_only=True, tag_field="type"):
    """A part of a turn."""


class Text(ContentPart, tag="text"):
    text: str


class Image(ContentPart, tag="image"):
    path: str


class Turn(Part):
    role: Literal["system", "user", "assistant"]
    content: list[Text | Image]


class Question(Part):
    messages: list[Turn]


class Draw(Part):
    temperature: float
    top_p: float
    top_k: int | None
    seed: int


class Generate(Asked, tag="generate"):
    request_id: str
    adapter: str | None
    questions: list[Question]
    max_new_tokens: int
    batch_size: int
    sampling: Draw | None


class Cancel(Asked, tag="cancel"):
    request_id: str


class Close(Asked, tag="close"):
    pass


class Said(Part, frozen=True, kw_only=True, tag_field="type"):
    """What the worker sends."""


class Download(Said, tag="download"):
    done: float
    total: float


class Ready(Said, tag="ready"):
    pid: int
    device: str
    dtype: Literal["float32", "bfloat16", "float16"]
    attention: str
    parameters: int


class Piece(Said, tag="piece"):
    request_id: str
    index: int
    text: str


class Answered(Said, tag="answer"):
    request_id: str
    index: int
    rest: str
    text: str
    tokens: int
    stopped: bool


class Done(Said, tag="done"):
    request_id: str


class Failed(Said, tag="failed"):
    request_id: str | None
    error: EndError


_asked = Load | Generate | Cancel | Close


def parse(message: object) -> Load | Generate | Cancel | Close:
    """A message as the SDK has checked it."""
    return msgspec.convert(message, _asked)
