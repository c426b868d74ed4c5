"""Where transformers' EarlyStoppingCallback ends each sequence of scores: JSON in, JSON out."""

import json
import math
import sys

from transformers import EarlyStoppingCallback, TrainerControl, TrainerState


class Arguments:
    metric_for_best_model = "score"

    def __init__(self, greater_is_better: bool) -> None:
        self.greater_is_better = greater_is_better


def end_of(case: dict) -> int | None:
    """Position of the score that ends it; None where none does."""
    is_max = case["direction"] == "max"
    callback = EarlyStoppingCallback(case["patience"], case["threshold"])
    arguments, state, control = Arguments(is_max), TrainerState(), TrainerControl()
    for position, value in enumerate(case["values"]):
        score = math.nan if value is None else value
        callback.on_evaluate(arguments, state, control, {"eval_score": score})
        if control.should_training_stop:
            return position
        best = state.best_metric
        # As Trainer does between two evaluations.
        if value is not None and (
            best is None or (value > best if is_max else value < best)
        ):
            state.best_metric = value
    return None


def main() -> None:
    cases = json.loads(sys.stdin.buffer.read())
    sys.stdout.write(json.dumps([end_of(case) for case in cases]))


main()
