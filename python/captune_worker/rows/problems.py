"""Rows that cannot be used: why, where, and what becomes of the run."""

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from ..errors import Refusal, issue, plain
from ..events import EndIssue
from ..pictures import PictureProblem

LISTED_PROBLEMS = 20
"""Problems quoted one by one; the others are counted."""

DROPPED = "dropped.jsonl"
"""File of the run folder that lists the rows left out."""


class RowCode(StrEnum):
    """Why a row cannot be used; ``PictureCode`` has the reasons of its pictures."""

    ROW_SYNTAX = "ROW_SYNTAX"
    """Not what the format of the file demands."""
    ROW_NOT_OBJECT = "ROW_NOT_OBJECT"
    COLUMN_MISSING = "COLUMN_MISSING"
    TEXT_TYPE = "TEXT_TYPE"
    """Something else where a text belongs."""
    TEXT_EMPTY = "TEXT_EMPTY"
    TEXT_RESERVED = "TEXT_RESERVED"
    """Text that the model reads as a sign of its own, such as ``<|end|>``."""
    PICTURE_TYPE = "PICTURE_TYPE"
    """Something else where a picture belongs."""
    PICTURE_COUNT = "PICTURE_COUNT"
    """More or fewer pictures than places for them."""
    PICTURE_THIN = "PICTURE_THIN"
    """So thin that nothing is left of the short side."""
    MESSAGES_INVALID = "MESSAGES_INVALID"
    ANSWER_MISSING = "ANSWER_MISSING"
    """A conversation in which the model says nothing."""
    METADATA_MISSING = "METADATA_MISSING"
    """A picture of an image folder that no line of its metadata names."""
    ROW_TOO_LONG = "ROW_TOO_LONG"


class BadRow(Exception):
    """A row that cannot be used; ``reason`` completes the sentence its place begins."""

    def __init__(
        self, code: str, reason: str, value: Any = None, remedy: str = ""
    ) -> None:
        super().__init__(reason)
        self.code = str(code)
        self.reason = reason
        self.value = value
        self.remedy = remedy

    @classmethod
    def of_picture(cls, problem: PictureProblem, shown: str) -> "BadRow":
        """The same about a row as ``problem`` says about one of its pictures."""
        reason = f"has a picture that {problem.reason}"
        return cls(problem.code, reason, shown, problem.remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A bad row and where it stands."""

    split: str
    place: str
    row: BadRow

    def as_issue(self) -> EndIssue:
        bad = self.row
        told = issue(self.place, bad.reason, bad.value, bad.remedy)
        return EndIssue(
            path=told.path,
            code=bad.code,
            reason=told.reason,
            value=told.value,
            remedy=told.remedy,
        )


@dataclass(slots=True)
class Problems:
    """All bad rows of a run's data, and the policy towards them."""

    policy: Literal["fail", "drop"]
    found: list[Problem] = field(default_factory=list)

    def add(self, split: str, place: str, row: BadRow) -> None:
        self.found.append(Problem(split=split, place=place, row=row))

    def judge(self) -> None:
        """Call once all that can be found at a time has been found.

        Raises:
            Refusal: ``DATA_INVALID`` under the policy "fail", naming the first bad
                rows with file and row, and counting all.
        """
        if self.policy == "drop" or not self.found:
            return
        counts = Counter(problem.split for problem in self.found)
        totals = " and ".join(f"{n} of data.{split}" for split, n in counts.items())
        raise Refusal(
            "DATA_INVALID",
            f"{len(self.found)} rows cannot be used ({totals}); "
            'data.onBadRow "drop" would leave them out',
            [problem.as_issue() for problem in self.found[:LISTED_PROBLEMS]],
            {"bad": len(self.found), "codes": self.codes()},
        )

    def codes(self, split: str | None = None) -> dict[str, int]:
        """How many rows are bad for each reason, in one split or in all."""
        return dict(
            Counter(
                one.row.code for one in self.found if split in (None, one.split)
            ).most_common()
        )

    def write(self, folder: Path) -> None:
        """Lists the rows left out, one JSON object a line, in the run folder."""
        if not self.found:
            return
        # Half a character becomes the escape that JSON has for it.
        half = "backslashreplace"
        with (folder / DROPPED).open("w", encoding="utf-8", errors=half) as file:
            for problem in self.found:
                bad = problem.row
                line = {
                    "split": problem.split,
                    "place": problem.place,
                    "code": bad.code,
                    "reason": bad.reason,
                    "value": plain(bad.value),
                }
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
