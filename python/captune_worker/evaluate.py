"""Runs a split through the model. What it is worth is not judged here: scores are TypeScript's."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from .control import Control
from .data import Screen, deal_pictures
from .events import ExampleSums, Prediction
from .examples import Encoder, Example, by_regime, collate, views_of
from .kernels import AttentionKernels
from .model import TrainedModel
from .report import Report
from .sampling import Sampling, drawing
from .spec import Generate, Spec

PREDICTIONS_PER_EVENT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """Evaluates splits and reports what came out."""

    spec: Spec
    model: TrainedModel
    splits: dict[str, list[Example]]
    encoder: Encoder
    screen: Screen
    pictures: Path
    """Folder for the pictures shown that have no file of their own."""
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
        with self.kernels.observe("evaluation"):
            self.model.answer(batch, max_new_tokens=1)

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
        numbers = {id(example): row for row, example in enumerate(shown)}
        batches = list(by_regime(shown, self.model.regime_limit, settings.batch_size))
        for at, batch in enumerate(batches):
            self.control.check()
            self.model.features.expect(
                [view for ahead in batches[at : at + 3] for view in views_of(ahead)]
            )
            usable = [one for one in batch if self.screen.passes(split, one)]
            if usable:
                rows = [numbers[id(one)] for one in usable]
                sums += self._sums(usable, rows)
                if isinstance(settings, Generate):
                    predictions += self._answers(usable, rows, settings)
            self.report.stage(
                stage="evaluate",
                state="progress",
                done=sum(len(one) for one in batches[: at + 1]),
                total=len(examples),
                unit="rows",
                message=split,
            )
        sums.sort(key=lambda one: one.row)
        predictions.sort(key=lambda one: one.row)
        for first in range(0, len(predictions), PREDICTIONS_PER_EVENT):
            part = predictions[first : first + PREDICTIONS_PER_EVENT]
            self.report.predictions(**head, items=part)
        seconds = time.monotonic() - started
        self.report.evaluation(**head, examples=sums, seconds=seconds)
        self.report.stage(stage="evaluate", state="completed", message=split)

    @torch.no_grad()
    def _sums(
        self, examples: Sequence[Example], rows: Sequence[int]
    ) -> list[ExampleSums]:
        batch = collate(examples, self.model.pad_id)
        sums = self.model.answer_sums(batch, self.model.inputs(batch))
        columns = zip(
            rows,
            sums.loss.tolist(),
            sums.tokens.tolist(),
            sums.correct.tolist(),
            strict=True,
        )
        return [
            ExampleSums(
                row=row,
                loss_sum=loss if abs(loss) < float("inf") else None,
                tokens=tokens,
                correct_tokens=correct,
            )
            for row, loss, tokens, correct in columns
        ]

    def _deal_pictures(self, examples: Sequence[Example]) -> list[Example]:
        """The same prompts and answers, each with the pictures of another row."""
        order = list(range(len(examples)))
        random.Random(self.spec.seed).shuffle(order)
        rows = deal_pictures([example.row for example in examples], order)
        return [self.encoder.encode(row) for row in rows]

    def _answers(
        self, examples: Sequence[Example], rows: Sequence[int], settings: Generate
    ) -> list[Prediction]:
        drawn = settings.sampling and Sampling(
            temperature=settings.sampling.temperature,
            top_p=settings.sampling.top_p,
            top_k=settings.sampling.top_k,
            seed=self.spec.seed,
        )
        answers = self.model.answer(
            examples, settings.max_new_tokens, **drawing(drawn, rows)
        )
        return [
            Prediction(
                row=row,
                images=[one.file(self.pictures) for one in example.row.pictures],
                prompt=example.row.prompt,
                references=list(example.row.references),
                prediction=answer.text,
                tokens=answer.tokens,
                stopped=answer.stopped,
            )
            for row, example, answer in zip(rows, examples, answers, strict=True)
        ]
