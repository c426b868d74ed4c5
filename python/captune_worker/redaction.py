"""Takes secrets out of what is kept and shown: the twin of ``sdk/redaction.ts``."""

import os
import re
from functools import cache
from typing import TypeVar

import msgspec

STARS = "***"
SHORTEST_SECRET = 8

SECRET_NAME = re.compile(
    r"(^|_)(TOKEN|API_KEY|ACCESS_KEY|SECRET|SECRET_KEY|PASSWORD|PASSWD|CREDENTIALS?)$",
    re.IGNORECASE,
)
"""Environment variables that hold secrets."""

SECRET_LOOKS = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{20,}|\bAKIA[A-Z0-9]{16}\b"
    r"|\bgh[opsu]_[A-Za-z0-9]{30,}|(?P<url>://[^/\s:@]*:)[^/\s@]+(?=@)"
    r"|(?P<bearer>\bBearer )[A-Za-z0-9._~+/=-]{8,}"
)

Said = TypeVar("Said", bound=msgspec.Struct)


def redact(text: str) -> str:
    """The text with stars where a secret of the environment stood, or what looks so."""
    for secret in _secrets():
        text = text.replace(secret, STARS)
    return SECRET_LOOKS.sub(_starred, text)


def redacted(said: Said) -> Said:
    """The event with every text in it redacted."""
    plain = _walk(msgspec.to_builtins(said))
    return msgspec.convert(plain, type(said))


@cache
def _secrets() -> list[str]:
    named = [
        value
        for name, value in os.environ.items()
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET
    ]
    # One that holds another is replaced whole.
    return sorted(named, key=len, reverse=True)


def _starred(match: re.Match[str]) -> str:
    return f"{match['url'] or match['bearer'] or ''}{STARS}"


def _walk(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_walk(one) for one in value]
    if isinstance(value, dict):
        return {name: _walk(one) for name, one in value.items()}
    return value
