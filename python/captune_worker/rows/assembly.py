"""From a record of a table to a row: which column is what, and is it any good."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import suggestion
from ..pictures import Downloader, Picture, PictureProblem, Roots, decode_data_url
from ..spec import Data
from .conversation import Message, Part, Row
from .problems import BadRow, RowCode
from .tables import Record, Table

PLACE = "<image>"
"""Where a picture of the picture column belongs within the text of a message."""
ROLES = ("system", "user", "assistant")
PARALLEL_DOWNLOADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Which column holds what."""

    image: str
    answer: str
    prompt: str | None
    references: str | None
    messages: str | None
    own: bool
    """Rows say themselves whether they have a prompt, references or messages."""

    @property
    def names(self) -> list[str]:
        """All columns in use."""
        all_names = (
            self.image,
            self.answer,
            self.prompt,
            self.references,
            self.messages,
        )
        return [name for name in all_names if name is not None]


def layout_of(data: Data, kind: str) -> Layout:
    """The columns of the spec, or those that ``materialize`` writes."""
    if kind == "rows":
        return Layout(
            image="image",
            answer="answer",
            prompt="prompt",
            references="references",
            messages="messages",
            own=True,
        )
    columns = data.columns
    return Layout(
        image=columns.image,
        answer=columns.answer,
        prompt=columns.prompt,
        references=columns.references,
        messages=columns.messages,
        own=False,
    )


class Album:
    """Every picture once, whoever shows it; finds them where rows may point to."""

    def __init__(self, data: Data, cache: Path) -> None:
        settings = data.pictures
        self._roots = [Path(root) for root in settings.roots]
        self._max_bytes = settings.max_download_bytes
        self._downloader = Downloader(
            settings.hosts,
            cache / "downloads",
            settings.max_download_bytes,
            settings.download_timeout_ms / 1000,
        )
        self._by_path: dict[str, Picture] = {}
        self._fetched: dict[str, str | PictureProblem] = {}

    def fetch(self, urls: Sequence[str]) -> None:
        """Downloads several at a time; what fails is told when it is asked for."""
        wanted = [url for url in dict.fromkeys(urls) if url not in self._fetched]
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            fetched = pool.map(self._fetch, wanted)
            self._fetched.update(zip(wanted, fetched, strict=True))

    def finder(self, table: Table) -> Callable[[str], Picture]:
        """A function from what a row of the table writes to the picture.

        It raises ``PictureProblem``.
        """
        roots = Roots(table.folder, [*table.roots, *self._roots])

        def find(text: str) -> Picture:
            if text[:5] == "data:":
                content = decode_data_url(text, self._max_bytes)
                return Picture(Inline(content), "picture within the row")
            if is_url(text):
                self.fetch([text])
                fetched = self._fetched[text]
                if isinstance(fetched, PictureProblem):
                    raise fetched
                return self._shared(fetched, text)
            return self._shared(roots.locate(text), text)

        return find

    def _fetch(self, url: str) -> str | PictureProblem:
        try:
            return self._downloader.fetch(url)
        except PictureProblem as problem:
            return problem

    def _shared(self, path: str, name: str) -> Picture:
        picture = self._by_path.get(path)
        if picture is None:
            picture = self._by_path[path] = Picture(path, name)
        return picture


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes that stood in the row itself."""

    content: bytes

    def read(self) -> bytes:
        return self.content


def is_url(value: Any) -> bool:
    """Is it something to download?"""
    return isinstance(value, str) and re.match("https?://", value) is not None


class Assembler:
    """Makes rows of one table's records."""

    def __init__(
        self, data: Data, layout: Layout, table: Table, find: Callable[[str], Picture]
    ) -> None:
        self._data = data
        self._layout = layout
        self._columns = table.columns()
        self._find = find

    def row(self, place: str, record: Record) -> Row:
        """Raises:
        BadRow: saying why the record is of no use.
        """
        name = self._layout.messages
        if name is not None and (not self._layout.own or name in record):
            return self._conversation(place, record, name)
        return self._question(place, record)

    def _question(self, place: str, record: Record) -> Row:
        layout = self._layout
        pictures = self._pictures(self._value(record, layout.image), layout.image)
        if not pictures:
            raise BadRow(
                RowCode.PICTURE_COUNT, f'has no picture in column "{layout.image}"'
            )
        answer, references = self._answers(record)
        parts: list[Part] = [*pictures, self._prompt(record)]
        messages = (
            Message("user", tuple(parts)),
            Message("assistant", (answer,)),
        )
        return Row(place=place, messages=messages, references=references)

    def _answers(self, record: Record) -> tuple[str, tuple[str, ...]]:
        """The answer to learn, and all that are as good."""
        layout, separator = self._layout, self._data.answer_separator
        answers = self._texts(record, layout.answer)
        if separator is not None:
            answers = [separator.join(answers)]
        others: list[str] = []
        name = layout.references
        if name is not None and (not layout.own or name in record):
            others = self._texts(record, name)
        return answers[0], tuple(dict.fromkeys([*answers, *others]))

    def _prompt(self, record: Record) -> str:
        name = self._layout.prompt
        if name is None or (self._layout.own and name not in record):
            return self._data.prompt
        return _text(self._value(record, name), f'in column "{name}"')

    def _texts(self, record: Record, name: str) -> list[str]:
        """Texts of a column, without the white space around them."""
        value = self._value(record, name)
        if isinstance(value, (list, tuple)):
            if not value:
                raise BadRow(
                    RowCode.TEXT_EMPTY, f'has an empty list in column "{name}"'
                )
            where = f'in the list of column "{name}"'
            return [_text(one, where).strip() for one in value]
        return [_text(value, f'in column "{name}"').strip()]

    def _value(self, record: Record, name: str) -> Any:
        if name not in record:
            remedy = suggestion(name, {*self._columns} - {name})
            raise BadRow(
                RowCode.COLUMN_MISSING, f'has no column "{name}"', remedy=remedy
            )
        return record[name]

    def _pictures(self, value: Any, name: str) -> list[Picture]:
        values = value if isinstance(value, (list, tuple)) else [value]
        return [self._picture(one, f'in column "{name}"') for one in values]

    def _picture(self, value: Any, where: str) -> Picture:
        try:
            match value:
                case str():
                    return self._find(value)
                case {"bytes": str() as text} if text:
                    # What JSON makes of bytes.
                    return Picture(Inline(base64.b64decode(text, validate=True)), where)
                case {"bytes": None, "path": str() as path} | {"path": str() as path}:
                    return self._find(path)
                case None | bool() | int() | float() | dict() | list():
                    raise BadRow(RowCode.PICTURE_TYPE, f"has no picture {where}", value)
                case cell:
                    return Picture(cell, where)
        except PictureProblem as problem:
            raise BadRow.of_picture(problem, _shown(value)) from None
        except ValueError:
            reason = f"has bytes {where} that are not base64"
            raise BadRow(RowCode.PICTURE_TYPE, reason, _shown(value)) from None

    def _conversation(self, place: str, record: Record, name: str) -> Row:
        value = self._value(record, name)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                reason = f'has a text in column "{name}" that is not JSON: {error}'
                raise _no_messages(reason, value) from None
        if not isinstance(value, (list, tuple)) or not value:
            raise _no_messages(f'has no list of messages in column "{name}"', value)
        images = record.get(self._layout.image)
        waiting = [] if images is None else self._pictures(images, self._layout.image)
        total = len(waiting)
        messages = [self._message(one, at, waiting) for at, one in enumerate(value)]
        if waiting and len(waiting) == total:
            # Nobody says where they belong: before the first thing that is said of them.
            messages = _opened_with(messages, waiting)
        elif waiting:
            reason = f"has {len(waiting)} more pictures than places for them"
            raise BadRow(RowCode.PICTURE_COUNT, reason)
        if not any(one.role == "assistant" for one in messages):
            raise BadRow(RowCode.ANSWER_MISSING, "has no message of the assistant")
        if messages[-1].role != "assistant":
            reason = "ends before the assistant answers"
            raise BadRow(
                RowCode.ANSWER_MISSING,
                reason,
                remedy="Leave out the last message, or add its answer.",
            )
        reference = messages[-1].text
        return Row(place=place, messages=tuple(messages), references=(reference,))

    def _message(self, value: Any, at: int, waiting: list[Picture]) -> Message:
        if not isinstance(value, Mapping):
            raise _no_messages(f"has a message {at} that is no object", value)
        role, content = value.get("role"), value.get("content")
        if role not in ROLES:
            remedy = f"Use one of {', '.join(ROLES)}."
            raise _no_messages(
                f"has an unknown role in message {at}", role, remedy=remedy
            )
        parts: list[Part] = []
        if isinstance(content, str):
            pieces = content.split(PLACE) if waiting else [content]
            for number, piece in enumerate(pieces):
                if number > 0:
                    parts.append(_next(waiting, at))
                if piece.strip() or len(pieces) == 1:
                    parts.append(piece)
        elif isinstance(content, (list, tuple)):
            parts += [self._part(one, at, waiting) for one in content]
        else:
            raise _no_messages(f"has no content in message {at}", content)
        if role == "assistant":
            # The model's own format swallows white space around what it says.
            said = "".join(part for part in parts if isinstance(part, str)).strip()
            shown = [part for part in parts if not isinstance(part, str)]
            parts = [*shown, said]
        shows = any(isinstance(part, Picture) for part in parts)
        message = Message(role, tuple(parts))
        if role == "assistant" and shows:
            raise _no_messages(f"has a picture in the assistant's message {at}", None)
        _demand_whole(message.text, f"in message {at}")
        if not message.text.strip() and not shows:
            raise BadRow(RowCode.TEXT_EMPTY, f"has no text in message {at}")
        return message

    def _part(self, value: Any, at: int, waiting: list[Picture]) -> Part:
        where = f"in message {at}"
        match value:
            case {"type": "text", "text": str() as text}:
                return text
            case {"type": "image_url", "image_url": {"url": url}}:
                return self._picture(url, where)
            case {"type": "image_url", "image_url": str() as url}:
                return self._picture(url, where)
            case {"type": "image"}:
                for key in ("image", "path", "url"):
                    if value.get(key) is not None:
                        return self._picture(value[key], where)
                return _next(waiting, at)
        reason = f"has a part in message {at} that is neither text nor image"
        raise _no_messages(reason, value)


def _next(waiting: list[Picture], at: int) -> Picture:
    if not waiting:
        reason = f"has no picture for its place in message {at}"
        raise BadRow(RowCode.PICTURE_COUNT, reason)
    return waiting.pop(0)


def _opened_with(messages: list[Message], pictures: list[Picture]) -> list[Message]:
    for at, message in enumerate(messages):
        if message.role == "user":
            opened = Message("user", (*pictures, *message.parts))
            return [*messages[:at], opened, *messages[at + 1 :]]
    raise BadRow(RowCode.PICTURE_COUNT, "has pictures and no message of the user")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise BadRow(RowCode.TEXT_TYPE, f"has no text {where}", _shown(value))
    if not value.strip():
        raise BadRow(RowCode.TEXT_EMPTY, f"has an empty text {where}", value)
    _demand_whole(value, where)
    return value


def _demand_whole(text: str, where: str) -> None:
    """No tokenizer takes half a character, as ``"\\ud800"`` in JSON is."""
    if any("\ud800" <= one <= "\udfff" for one in text):
        reason = f"has half a character (a lone surrogate) {where}"
        raise BadRow(RowCode.TEXT_TYPE, reason, _shown(text))


def _no_messages(reason: str, value: Any, remedy: str = "") -> BadRow:
    return BadRow(RowCode.MESSAGES_INVALID, reason, _shown(value), remedy)


def _shown(value: Any) -> Any:
    """What can be put into a message: no bytes, nothing long."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else f"{type(value).__name__} {value!r}"
    return text if len(text) <= 120 else f"{text[:117]}..."
