"""Loads a model, then answers what is asked, one call after the other."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import StoppingCriteriaList

from ..errors import Canceled, Refusal, issue
from ..events import EndError
from ..examples import Example, by_regime, views_of
from ..model import Answer
from ..pixels import Pool
from ..redaction import redacted
from ..rows import BadRow
from ..sampling import Sampling, drawing
from .desk import Desk
from .loaded import LoadedModel, load
from .messages import (
    Answered,
    Done,
    Download,
    Failed,
    Generate,
    Load,
    Piece,
    Ready,
    Said,
)
from .questions import encode, issue_of, refusal
from .streaming import PieceStreamer, Until, only

Say = Callable[[Said], None]


def serve(desk: Desk, say: Say, cache: Path, own_folder: Path) -> bool:
    """Serves until it is closed; False when there was nothing to serve."""
    wanted = desk.next()
    if not isinstance(wanted, Load):
        return True
    # Forked before anything touches the GPU.
    pool = Pool(None)
    try:
        loaded = _load(wanted, desk, say, cache, own_folder, pool)
        while loaded is not None and (call := desk.next()) is not None:
            _answer(call, loaded, desk, say)
        return loaded is not None
    finally:
        pool.close()


def _load(
    wanted: Load, desk: Desk, say: Say, cache: Path, own_folder: Path, pool: Pool
) -> LoadedModel | None:
    def tell(done: int, total: int) -> None:
        say(Download(done=done, total=total))

    try:
        loaded = load(wanted, cache, own_folder, pool, tell, desk.check)
    except Canceled:
        return None
    except Exception as problem:  # noqa: BLE001 - whatever it is, the SDK must learn it
        say(Failed(request_id=None, error=redacted(_error(problem))))
        return None
    say(
        Ready(
            pid=os.getpid(),
            device=str(loaded.place.device),
            dtype=str(loaded.place.dtype).removeprefix("torch."),
            attention=loaded.place.attention,
            parameters=loaded.parameters,
        )
    )
    return loaded


def _answer(call: Generate, loaded: LoadedModel, desk: Desk, say: Say) -> None:
    try:
        _generate(call, loaded, desk, say)
    except Canceled:
        pass  # nobody waits for it
    except Exception as problem:  # noqa: BLE001 - the next call may go well
        say(Failed(request_id=call.request_id, error=redacted(_error(problem))))
    else:
        say(Done(request_id=call.request_id))


def _generate(call: Generate, loaded: LoadedModel, desk: Desk, say: Say) -> None:
    preparer = loaded.open_pictures()
    examples = encode(call.questions, loaded.processor, preparer, loaded.longest)
    numbers = {id(example): number for number, example in enumerate(examples)}

    def tell_piece(index: int, text: str) -> None:
        say(Piece(request_id=call.request_id, index=index, text=text))

    def tell_answer(index: int, rest: str, answer: Answer) -> None:
        say(
            Answered(
                request_id=call.request_id,
                index=index,
                rest=rest,
                text=answer.text,
                tokens=answer.tokens,
                stopped=answer.stopped,
            )
        )

    with loaded.using(call.adapter) as model:
        batches = list(by_regime(examples, model.regime_limit, call.batch_size))
        for at, batch in enumerate(batches):
            desk.check()
            model.features.expect(
                [view for ahead in batches[at : at + 3] for view in views_of(ahead)]
            )
            _demand_pictures(batch, loaded)
            rows = [numbers[id(example)] for example in batch]
            streamer = PieceStreamer(
                model, len(batch), only(rows, tell_piece), only(rows, tell_answer)
            )
            model.answer(
                batch,
                call.max_new_tokens,
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([Until(lambda: desk.is_wanted)]),
                **drawing(_sampling(call), rows),
            )
            desk.check()
            streamer.close()


def _sampling(call: Generate) -> Sampling | None:
    draw = call.sampling
    return draw and Sampling(
        temperature=draw.temperature,
        top_p=draw.top_p,
        top_k=draw.top_k,
        seed=draw.seed,
    )


def _demand_pictures(batch: list[Example], loaded: LoadedModel) -> None:
    """Raises:
    Refusal: ``DATA_INVALID`` for pictures that only decoding shows to be bad.
    """
    problems = []
    for example in batch:
        for view in example.views():
            problem = loaded.model.features.problem(view)
            if problem is not None:
                bad = BadRow.of_picture(problem, view.picture.name)
                problems.append(issue_of(example.row, bad))
    if problems:
        raise refusal(problems)


def _error(problem: Exception) -> EndError:
    if isinstance(problem, torch.OutOfMemoryError):
        torch.cuda.empty_cache()
        too_many = issue("batchSize", "is more than memory holds", remedy="Lower it.")
        return EndError(
            code="OUT_OF_MEMORY",
            message="The device has too little memory",
            issues=[too_many],
            data={"message": str(problem)},
        )
    if isinstance(problem, Refusal):
        return EndError(
            code=problem.code,
            message=problem.message,
            issues=problem.issues,
            data=problem.data,
        )
    return EndError(
        code="WORKER_FAILED",
        message=f"The worker failed: {type(problem).__name__}: {problem}",
        traceback="".join(traceback.format_exception(problem)),
    )
