"""What a row is to the model: a conversation with pictures, of which answers are learnt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..pictures import Picture

Part = str | Picture
"""Text or picture."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One example."""

    place: str
    """Where it comes from, for people: ``train.jsonl:12``."""
    messages: tuple[Message, ...]
    """The last is the assistant's; all of the assistant's are learnt."""
    references: tuple[str, ...]
    """Answers that are as good in place of the last; the first is that very one."""

    @property
    def pictures(self) -> list[Picture]:
        """In the order in which they are shown; the same may be shown twice."""
        return list(_pictures(self.messages))

    @property
    def prompt(self) -> str:
        """The last thing the user says."""
        said = [one.text for one in self.messages if one.role == "user"]
        return said[-1].strip() if said else ""

    @property
    def answer(self) -> str:
        """The last thing the assistant says."""
        return self.messages[-1].text

    def showing(self, pictures: Sequence[Picture]) -> "Row":
        """The same conversation about other pictures, as many."""
        given = iter(pictures)
        messages = tuple(
            replace(
                message,
                parts=tuple(
                    next(given) if isinstance(part, Picture) else part
                    for part in message.parts
                ),
            )
            for message in self.messages
        )
        return replace(self, messages=messages)


def _pictures(messages: Sequence[Message]) -> Iterator[Picture]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, Picture):
                yield part
