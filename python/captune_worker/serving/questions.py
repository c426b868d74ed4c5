"""From what is asked to what the model gets: the same as in training, but for an answer."""

from collections.abc import Sequence
from typing import Any

from ..errors import Refusal, issue
from ..events import EndIssue
from ..examples import Encoder, Example
from ..pictures import Picture
from ..pixels import Preparer
from ..rows import BadRow, Message, Row
from .messages import Image, Question, Turn


def encode(
    questions: Sequence[Question], processor: Any, preparer: Preparer, longest: int
) -> list[Example]:
    """Examples whose answer is still empty, in the order of the questions.

    ``longest`` is how many tokens the model takes.

    Raises:
        Refusal: ``DATA_INVALID`` naming every question that cannot be asked.
    """
    rows = [_row(number, question) for number, question in enumerate(questions)]
    pictures = [picture for row in rows for picture in row.pictures]
    bad = dict(preparer.measure(pictures))
    # Of its own: an encoder remembers every text, and a model is asked for months.
    encoder = Encoder(processor)
    examples: list[Example] = []
    problems: list[EndIssue] = []
    for row in rows:
        trouble = next((one for one in row.pictures if one in bad), None)
        try:
            if trouble is not None:
                raise BadRow.of_picture(bad[trouble], trouble.name)
            example = encoder.encode(row)
            if example.prompt_length > longest:
                reason = f"has {example.prompt_length} tokens; {longest} is the most"
                raise BadRow("ROW_TOO_LONG", reason, example.prompt_length)
            examples.append(example)
        except BadRow as problem:
            problems.append(issue_of(row, problem))
    if problems:
        raise refusal(problems)
    return examples


def issue_of(row: Row, bad: BadRow) -> EndIssue:
    """What is wrong with a question."""
    told = issue(row.place, bad.reason, bad.value, bad.remedy)
    return EndIssue(
        path=told.path,
        code=bad.code,
        reason=told.reason,
        value=told.value,
        remedy=told.remedy,
    )


def refusal(problems: list[EndIssue]) -> Refusal:
    return Refusal("DATA_INVALID", "This cannot be asked", problems)


def _row(number: int, question: Question) -> Row:
    messages = [_message(turn) for turn in question.messages]
    open_answer = Message("assistant", ("",))
    return Row(
        place=f"inputs[{number}]",
        messages=(*messages, open_answer),
        references=(),
    )


def _message(turn: Turn) -> Message:
    parts = tuple(
        Picture(part.path, part.path) if isinstance(part, Image) else part.text
        for part in turn.content
    )
    if turn.role == "assistant":
        # The model's own format swallows white space around what it says.
        said = "".join(part for part in parts if isinstance(part, str)).strip()
        parts = (said,)
    return Message(turn.role, parts)
