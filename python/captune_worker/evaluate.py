"""Runs a split through the model. What it is worth is not judged here: scores are TypeScript's."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from .control import Control
from .events import ExampleSums, Prediction
from .examples import Example, collate, encode_row
from .kernels import AttentionKernels
from .model import TrainedModel
from .report import Report
from .spec import Generate, Spec

PREDICTIONS_PER_EVENT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """Evaluates splits and reports what came out."""

    spec: Spec
    model: TrainedModel
    splits: dict[str, list[Example]]
    kernels: AttentionKernels
    report: Report
    control: Control

    def watch_attention(self) -> None:
        """Notes the kernel that reads prompts, on the first batch there is to answer."""
        settings = self.spec.evaluation
        split = next(
            (one for one in ("validation", "test") if one in self.splits), None
        )
        if split is None or not isinstance(settings, Generate):
            return
        self.model.causal.eval()
        batch = self.splits[split][: settings.max_examples][: settings.batch_size]
        pictures = [example.row.image for example in batch]
        with self.kernels.observe("evaluation"):
            self.model.answer(batch, pictures, max_new_tokens=1)

    def run(
        self,
        split: str,
        step: int,
        model: Literal["base", "tuned"] = "tuned",
        images: Literal["own", "shuffled"] = "own",
    ) -> None:
        """Evaluates a split, if there is one of that name.

        Raises:
            Abandoned, Canceled: between two batches.
        """
        if split not in self.splits:
            return
        settings = self.spec.evaluation
        examples = self.splits[split][: settings.max_examples]
        shown = examples if images == "own" else self._deal_pictures(examples)
        evaluation_id = f"{split}-{step:06d}-{model}-{images}"
        head = {
            "evaluation_id": evaluation_id,
            "split": split,
            "step": step,
            "model": model,
            "images": images,
        }
        started = time.monotonic()
        sums: list[ExampleSums] = []
        predictions: list[Prediction] = []
        self.report.stage(stage="evaluate", state="started", message=split)
        self.model.causal.eval()
        self.watch_attention()
        for first in range(0, len(examples), settings.batch_size):
            self.control.check()
            batch = shown[first : first + settings.batch_size]
            sums += self._sums(batch, first)
            if isinstance(settings, Generate):
                predictions += self._answers(batch, first, settings.max_new_tokens)
            done = min(first + settings.batch_size, len(examples))
            self.report.stage(
                stage="evaluate",
                state="progress",
                done=done,
                total=len(examples),
                unit="rows",
                message=split,
            )
        for first in range(0, len(predictions), PREDICTIONS_PER_EVENT):
            part = predictions[first : first + PREDICTIONS_PER_EVENT]
            self.report.predictions(**head, items=part)
        seconds = time.monotonic() - started
        self.report.evaluation(**head, examples=sums, seconds=seconds)
        self.report.stage(stage="evaluate", state="completed", message=split)

    @torch.no_grad()
    def _sums(self, examples: Sequence[Example], first: int) -> list[ExampleSums]:
        batch = collate(examples, self.model.pad_id)
        pictures = [example.row.image for example in examples]
        sums = self.model.answer_sums(batch, self.model.inputs(batch, pictures))
        columns = zip(
            sums.loss.tolist(), sums.tokens.tolist(), sums.correct.tolist(), strict=True
        )
        return [
            ExampleSums(
                row=row,
                loss_sum=loss if abs(loss) < float("inf") else None,
                tokens=tokens,
                correct_tokens=correct,
            )
            for row, (loss, tokens, correct) in enumerate(columns, first)
        ]

    def _deal_pictures(self, examples: Sequence[Example]) -> list[Example]:
        """The same prompts and answers, each with the picture of another row."""
        order = list(range(len(examples)))
        random.Random(self.spec.seed).shuffle(order)
        rows = [examples[index].row for index in order]
        dealt = {
            index: replace(row, image=other.image, size=other.size)
            for index, row, other in zip(order, rows, rows[1:] + rows[:1], strict=True)
        }
        processor = self.model.processor
        return [encode_row(dealt[index], processor) for index in range(len(examples))]

    def _answers(
        self, examples: Sequence[Example], first: int, max_new_tokens: int
    ) -> list[Prediction]:
        pictures = [example.row.image for example in examples]
        answers = self.model.answer(examples, pictures, max_new_tokens)
        return [
            Prediction(
                row=row,
                image=str(example.row.image),
                prompt=example.row.prompt,
                references=[example.row.answer],
                prediction=answer.text,
                tokens=answer.tokens,
                stopped=answer.stopped,
            )
            for row, (example, answer) in enumerate(
                zip(examples, answers, strict=True), first
            )
        ]
