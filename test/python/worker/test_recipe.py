"""Every setting of the recipe has its effect, and what saves time changes no gradient."""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from captune_worker import model, optimizers, train
from captune_worker.errors import Refusal
from captune_worker.train import Trainer
from torch import nn
from transformers import get_scheduler

from worker.conftest import Conduct, Conducted, source

Gradients = dict[str, torch.Tensor]
Measure = Callable[[dict[str, Any]], Gradients]


def changed(plain: dict[str, Any], **training: Any) -> dict[str, Any]:
    other = copy.deepcopy(plain)
    other["training"].update(training)
    return other


@pytest.fixture
def gradients(conduct: Conduct, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """The gradients of the first step, as the optimizer gets them, not clipped."""

    def measure(plain: dict[str, Any]) -> Gradients:
        seen: Gradients = {}
        original = Trainer._step_unless_bad

        def note(trainer: Trainer, numbers: torch.Tensor) -> None:
            for name, parameter in trainer._model.trainable():
                if parameter.grad is not None:
                    seen[name] = parameter.grad.clone()
            original(trainer, numbers)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_step_unless_bad", note)
            conduct(changed(plain, maxSteps=1, maxGradNorm=1e9))
        return seen

    return measure


def assert_equal(one: Gradients, other: Gradients, limit: float) -> None:
    assert one.keys() == other.keys()
    assert any(gradient.norm() > 0 for gradient in one.values())
    largest = max(gradient.norm() for gradient in one.values())
    for name, gradient in one.items():
        # Softmax does not see the bias of keys: its gradient is rounding.
        if name.endswith("k_proj.bias"):
            continue
        error = (gradient - other[name]).norm() / gradient.norm().clamp(
            min=1e-4 * largest
        )
        assert error < limit, (name, float(error))


@pytest.mark.parametrize("reduction", ["tokens", "examples"])
@pytest.mark.parametrize("targets", ["language", "language+projector+vision"])
def test_six_by_one_is_one_by_six_is_two_by_three(
    gradients: Measure,
    plain_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    reduction: str,
    targets: str,
) -> None:
    # With PEFT's zeros half of the adapters' gradients would be zero.
    monkeypatch.setattr(nn.init, "zeros_", lambda one: nn.init.normal_(one, std=0.02))
    # Trained weights: the gradients of random ones cancel, and rounding is left.
    plain_spec["model"]["nameOrPath"] = "captune/airplanes-tiny"
    plain_spec["data"]["train"] = source("airplanes", split="train", seed=3, count=6)
    plain_spec["method"]["targetModules"] = targets
    measured = [
        gradients(
            changed(
                plain_spec,
                lossReduction=reduction,
                combineMicroBatches=False,
                batchSize=size,
                gradientAccumulationSteps=steps,
            )
        )
        for size, steps in [(6, 1), (1, 6), (2, 3)]
    ]
    assert all(gradient.any() for gradient in measured[0].values())
    assert_equal(measured[0], measured[1], 1e-6)
    assert_equal(measured[0], measured[2], 1e-6)


def test_the_reductions_are_what_they_say(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[model.AnswerSums] = []
    original = model.TrainedModel.answer_sums

    def noting(self: Any, batch: Any, inputs: Any) -> model.AnswerSums:
        sums = original(self, batch, inputs)
        if self.causal.training and torch.is_grad_enabled():
            seen.append(sums)
        return sums

    monkeypatch.setattr(model.TrainedModel, "answer_sums", noting)
    for reduction in ("tokens", "examples"):
        seen.clear()
        run = conduct(changed(plain_spec, lossReduction=reduction, maxSteps=1))
        (sums,) = seen
        expected = (
            sums.loss.sum() / sums.tokens.sum()
            if reduction == "tokens"
            else (sums.loss / sums.tokens).mean()
        )
        assert run.of("step")[0]["loss"] == pytest.approx(expected.item(), rel=1e-6)


@pytest.fixture
def same_masks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Dropout that zeroes the same elements of an example wherever it is computed."""

    class Fixed(nn.Module):
        def __init__(self, p: float) -> None:
            super().__init__()
            self.p = p

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not self.training:
                return x
            # By the width alone: each row and each position has the same mask.
            generator = torch.Generator().manual_seed(x.shape[-1])
            mask = torch.rand(x.shape[-1], generator=generator) >= self.p
            return x * mask / (1 - self.p)

    monkeypatch.setattr("peft.tuners.lora.layer.nn.Dropout", Fixed)
    yield


WINS = [
    {"combineMicroBatches": False},
    {"gradientCheckpointing": True},
    {"cacheImageFeatures": False},
    {"answerRowsOnly": False},
]


@pytest.mark.parametrize("dropout", [0, 0.1])
@pytest.mark.parametrize("off", WINS, ids=lambda one: next(iter(one)))
def test_what_saves_time_or_memory_changes_no_gradient(
    gradients: Measure,
    plain_spec: dict[str, Any],
    same_masks: None,
    off: dict[str, Any],
    dropout: float,
) -> None:
    plain_spec["method"]["dropout"] = dropout
    base = changed(plain_spec, batchSize=1, gradientAccumulationSteps=6)
    assert_equal(gradients(base), gradients(changed(base, **off)), 1e-5)


@pytest.mark.parametrize("dropout", [0, 0.1])
def test_the_lean_layer_is_pefts(
    gradients: Measure,
    plain_spec: dict[str, Any],
    same_masks: None,
    monkeypatch: pytest.MonkeyPatch,
    dropout: float,
) -> None:
    from captune_worker.lora_linear import LeanLoraLinear
    from peft.tuners import lora

    plain_spec["method"].update(dropout=dropout, rslora=True)
    lean = gradients(plain_spec)
    monkeypatch.setattr(LeanLoraLinear, "forward", lora.Linear.forward)
    assert_equal(lean, gradients(plain_spec), 1e-5)


def test_without_autocast_gradients_are_no_worse(
    gradients: Measure, plain_spec: dict[str, Any]
) -> None:
    exact = gradients(plain_spec)
    plain_spec["model"]["dtype"] = "bfloat16"
    errors = []
    for autocast in ("auto", True):
        rounded = gradients(changed(plain_spec, autocast=autocast))
        assert all(one.dtype == torch.float32 for one in rounded.values())
        difference = sum((rounded[name] - exact[name]).norm() ** 2 for name in exact)
        norm = sum(exact[name].norm() ** 2 for name in exact)
        errors.append(float((difference / norm) ** 0.5))
    ours, autocasts = errors
    assert ours < 0.2
    assert ours < 1.25 * autocasts


def last_loss(run: Conducted) -> float:
    return run.of("step")[-1]["loss"]


EFFECTS: list[tuple[str, dict[str, Any]]] = [
    ("method", {"rank": 2}),
    ("method", {"alpha": 99}),
    ("method", {"dropout": 0.5}),
    ("method", {"targetModules": ["down_proj"]}),
    ("method", {"dora": True}),
    ("method", {"rslora": True}),
    ("method", {"bias": "all"}),
    ("method", {"modulesToSave": ["lm_head"]}),
    ("training", {"batchSize": 3}),
    ("training", {"gradientAccumulationSteps": 2, "batchSize": 2}),
    ("training", {"lossReduction": "examples"}),
    ("training", {"optimizer": "adafactor"}),
    ("training", {"adamBeta1": 0.5}),
    ("training", {"adamBeta2": 0.5}),
    ("training", {"adamEpsilon": 1.0}),
    ("training", {"learningRate": 1e-3}),
    (
        "training",
        {"learningRates": {"language": 1e-4, "projector": None, "vision": None}},
    ),
    ("training", {"schedule": "linear"}),
    ("training", {"warmupRatio": 0.9}),
    ("training", {"warmupSteps": 4}),
    ("training", {"weightDecay": 5.0}),
    ("training", {"maxGradNorm": 1e-9}),
    ("root", {"seed": 7}),
    ("data", {"prompt": "Name the airplane"}),
    ("model", {"dtype": "bfloat16"}),
    ("model", {"imageCrops": 4}),
]


@pytest.mark.parametrize(
    ("section", "change"),
    EFFECTS,
    ids=[f"{section}.{next(iter(change))}" for section, change in EFFECTS],
)
def test_a_setting_moves_the_number(
    conduct: Conduct, plain_spec: dict[str, Any], section: str, change: dict[str, Any]
) -> None:
    plain_spec["training"].update(maxSteps=4, learningRate=2e-2, epochs=9)
    other = copy.deepcopy(plain_spec)
    (other if section == "root" else other[section]).update(change)
    before, after = conduct(plain_spec), conduct(other)
    assert last_loss(before) != last_loss(after)


def test_epochs_and_steps_are_counted(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    for change, steps in [({"epochs": 3}, 6), ({"epochs": 3, "maxSteps": 5}, 5)]:
        run = conduct(changed(plain_spec, **{"maxSteps": None, **change}))
        assert len(run.of("step")) == steps


def test_evaluation_and_checkpoints_come_as_often_as_asked(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["data"]["validation"] = plain_spec["data"]["train"]
    for every, steps in [(2, [2, 4, 5]), (3, [3, 5])]:
        plain = changed(plain_spec, maxSteps=5, epochs=9)
        plain["evaluation"].update(everySteps=every, maxNewTokens=1)
        run = conduct(plain)
        evaluated = [one["step"] for one in run.of("evaluation")]
        saved = [one["step"] for one in run.of("checkpoint")]
        assert evaluated == saved == steps


def test_constant_with_a_warm_up_warms_up(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain = changed(plain_spec, maxSteps=5, epochs=9, warmupRatio=0.4)
    rates = [one["learningRate"] for one in conduct(plain).of("step")]
    assert rates == pytest.approx([0, 0.5e-4, 1e-4, 1e-4, 1e-4])


SCHEDULES = {
    "constant_with_warmup": {},
    "linear": {},
    "cosine": {"num_cycles": 1.5},
    "cosine_with_restarts": {"num_cycles": 2},
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2},
    "polynomial": {"power": 2, "lr_end": 1e-6},
    "inverse_sqrt": {"timescale": 3},
    "warmup_stable_decay": {"num_decay_steps": 2, "min_lr_ratio": 0.1},
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_transformers_own(
    conduct: Conduct, plain_spec: dict[str, Any], name: str
) -> None:
    arguments = SCHEDULES[name]
    plain = changed(
        plain_spec,
        maxSteps=6,
        epochs=9,
        schedule=name,
        scheduleArguments=arguments,
        warmupSteps=2,
    )
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1e-4)
    reference = get_scheduler(
        name,
        optimizer,
        num_warmup_steps=2,
        num_training_steps=6,
        scheduler_specific_kwargs=dict(arguments),
    )
    for step in conduct(plain).of("step"):
        assert step["learningRate"] == reference.get_last_lr()[0]
        optimizer.step()
        reference.step()


@pytest.mark.parametrize("name", ["reduce_lr_on_plateau", "greedy"])
def test_schedules_by_score_follow_the_decisions(
    conduct: Conduct,
    plain_spec: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    from captune_worker.control import Control, Decision

    arguments = {"factor": 0.5, "patience": 0, "min_lr": 1e-6}
    plain = changed(
        plain_spec, maxSteps=4, epochs=9, schedule=name, scheduleArguments=arguments
    )
    plain["evaluation"]["everySteps"] = 1
    monkeypatch.setattr(
        Control,
        "decision",
        lambda self, step, timeout_ms: Decision(best=1, value=0.5, stop=False),
    )
    rates = [one["learningRate"] for one in conduct(plain).of("step")]
    assert rates[0] == 1e-4
    assert rates[-1] < rates[0]


@pytest.mark.parametrize(
    "name", ["adamw", "adafactor", "adagrad", "nadam", "radam", "rmsprop", "sgd"]
)
def test_an_optimizer_learns(
    conduct: Conduct, plain_spec: dict[str, Any], name: str
) -> None:
    rate = 1.0 if name == "sgd" else 1e-2
    plain = changed(plain_spec, optimizer=name, learningRate=rate, maxSteps=6, epochs=9)
    steps = conduct(plain).of("step")
    assert steps[-1]["loss"] < steps[0]["loss"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"training": {"optimizer": "adamw_8bit"}}, "training.optimizer"),
        (
            {"method": {"kind": "qlora", "quantType": "nf4", "doubleQuant": True}},
            "method.kind",
        ),
    ],
)
def test_what_needs_a_gpu_says_so(
    conduct: Conduct, plain_spec: dict[str, Any], change: dict[str, Any], path: str
) -> None:
    for section, fields in change.items():
        plain_spec[section].update(fields)
    with pytest.raises(Refusal) as refused:
        conduct(plain_spec)
    assert refused.value.code == "DEVICE_UNAVAILABLE"
    assert [one.path for one in refused.value.issues] == [path]


def test_towers_have_learning_rates_of_their_own(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[torch.optim.Optimizer] = []
    original = optimizers.make_optimizer

    def noting(named: Any, training: Any) -> torch.optim.Optimizer:
        made.append(original(named, training))
        return made[-1]

    monkeypatch.setattr(train, "make_optimizer", noting)
    plain_spec["method"]["targetModules"] = "language+projector+vision"
    own = {"language": None, "projector": 3e-5, "vision": 7e-6}
    conduct(changed(plain_spec, learningRates=own, maxSteps=1))
    rates = {
        group["initial_lr"]: len(group["params"]) for group in made[0].param_groups
    }
    assert set(rates) == {1e-4, 3e-5, 7e-6}
    assert rates[3e-5] == 4, "A and B of both projections"


def test_a_loss_that_is_not_finite_is_left_out_and_counted(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, at_step=2)
    plain = changed(plain_spec, maxSteps=4, epochs=9, loggingSteps=3)
    run = conduct(plain)
    assert [one["finite"] for one in run.of("step")] == [True, False, True, True]
    assert run.of("step")[1]["loss"] is None
    (warning,) = [one for one in run.of("warning") if one["code"] == "NON_FINITE"]
    assert warning["data"] == {"step": 2, "count": 1}
    assert all(math.isfinite(one["loss"]) for one in run.of("step") if one["finite"])


def test_the_step_that_is_left_out_changes_nothing(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    weights = []
    plain = changed(plain_spec, maxSteps=1, epochs=9)
    weights.append(conduct(plain).folder)
    poison(monkeypatch, at_step=2)
    weights.append(conduct(changed(plain, maxSteps=2)).folder)
    one, other = (
        load_file(folder / "adapter" / "adapter_model.safetensors")
        for folder in weights
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_loss_that_is_not_finite_can_end_the_run(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, at_step=2)
    with pytest.raises(Refusal) as refused:
        conduct(changed(plain_spec, maxSteps=4, epochs=9, onNonFinite="stop"))
    assert refused.value.code == "NON_FINITE"
    assert refused.value.data == {"step": 2}


def test_a_bad_step_that_only_an_evaluation_reads_is_told_too(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, at_step=2)
    plain = changed(plain_spec, maxSteps=2, epochs=9, loggingSteps=10)
    told = [one["data"] for one in conduct(plain).of("warning")]
    assert {"step": 2, "count": 1} in told
    with pytest.raises(Refusal) as refused:
        conduct(changed(plain, onNonFinite="stop"))
    assert refused.value.code == "NON_FINITE"


def poison(monkeypatch: pytest.MonkeyPatch, at_step: int) -> None:
    original = Trainer._accumulate

    def accumulate(trainer: Trainer, batches: Any) -> torch.Tensor:
        loss = original(trainer, batches)
        return loss * math.nan if trainer.progress.step == at_step - 1 else loss

    monkeypatch.setattr(Trainer, "_accumulate", accumulate)


def test_float16_scales_its_loss(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_spec["model"]["dtype"] = "float16"
    scales = []
    original = Trainer._step_unless_bad

    def note(trainer: Trainer, numbers: torch.Tensor) -> None:
        scales.append(trainer._scaler.get_scale())
        original(trainer, numbers)

    monkeypatch.setattr(Trainer, "_step_unless_bad", note)
    plain = changed(plain_spec, learningRate=1e-2, maxSteps=6, epochs=9)
    steps = conduct(plain).of("step")
    assert scales[0] == 65536
    finite = [one for one in steps if one["finite"]]
    assert finite[-1]["loss"] < finite[0]["loss"]


def test_what_memory_does_not_hold_is_computed_in_parts(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = conduct(changed(plain_spec, batchSize=6, gradientAccumulationSteps=1))
    limit_memory(monkeypatch, examples=2)
    run = conduct(changed(plain_spec, batchSize=6, gradientAccumulationSteps=1))
    sizes = [one["microBatchSize"] for one in run.of("resolved")]
    assert sizes == [6, 3, 2]
    assert [one["gradientAccumulationSteps"] for one in run.of("resolved")] == [1, 2, 3]
    codes = [one["code"] for one in run.of("warning") if one["code"] != "SCORE_LATE"]
    assert codes == ["OUT_OF_MEMORY"] * 2
    for cut, plain in zip(run.of("step"), whole.of("step"), strict=True):
        assert cut["loss"] == pytest.approx(plain["loss"], rel=1e-6)
        assert cut["tokens"] == plain["tokens"]


def test_recomputation_is_the_last_resort(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, examples=1, only_recomputing=True)
    run = conduct(plain_spec)
    assert run.of("resolved")[-1]["gradientCheckpointing"]
    assert len(run.of("step")) == 2


def test_one_example_too_many_is_a_refusal(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(monkeypatch, examples=0)
    with pytest.raises(Refusal) as refused:
        conduct(plain_spec)
    assert refused.value.code == "OUT_OF_MEMORY"
    (problem,) = refused.value.issues
    assert problem.path == "model.imageCrops"
    assert "would fit" not in problem.remedy
    # With room for the activations of half the longest row, half of it would fit.
    monkeypatch.setattr(
        "captune_worker.resolution._example_bytes", lambda *_, **__: 1000.0
    )
    monkeypatch.setattr("captune_worker.resolution._room", lambda *_: 500.0)
    plain_spec["data"]["train"]["limit"] = 1
    with pytest.raises(Refusal) as refused:
        conduct(plain_spec)
    half = refused.value.data["longest"] // 2
    assert refused.value.data["fits"] == half
    assert f"about {half}, which would fit" in refused.value.issues[0].remedy


def limit_memory(
    monkeypatch: pytest.MonkeyPatch, examples: int, only_recomputing: bool = False
) -> None:
    """A device that holds so many examples at once, once training has begun."""
    original = Trainer._accumulate

    def accumulate(trainer: Trainer, batches: Any) -> torch.Tensor:
        recomputes = trainer.resolution.gradient_checkpointing
        if len(batches[0].examples) > examples or (only_recomputing and not recomputes):
            original(trainer, batches[:1])  # what was computed by then must not count
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(trainer, batches)

    monkeypatch.setattr(Trainer, "_accumulate", accumulate)


def test_parameters_that_learn_nothing_are_named(
    conduct: Conduct, plain_spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not [
        one
        for one in conduct(plain_spec).of("warning")
        if one["code"].startswith("GRADIENT")
    ]
    original = model.TrainedModel.trainable
    idle = nn.Parameter(torch.ones(2))

    def with_idle(self: Any) -> Any:
        yield from original(self)
        yield "model.idle", idle

    monkeypatch.setattr(model.TrainedModel, "trainable", with_idle)
    (warning,) = [
        one
        for one in conduct(plain_spec).of("warning")
        if one["code"] == "GRADIENT_MISSING"
    ]
    assert warning["data"] == {"parameters": ["model.idle"]}


def test_features_that_training_changes_cannot_be_kept(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["method"]["targetModules"] = "language+projector"
    assert conduct(plain_spec).of("resolved")[0]["cacheImageFeatures"] is False
    with pytest.raises(Refusal) as refused:
        conduct(changed(plain_spec, cacheImageFeatures=True))
    assert refused.value.issues[0].path == "training.cacheImageFeatures"


def test_a_module_to_save_must_be_there(
    conduct: Conduct, plain_spec: dict[str, Any]
) -> None:
    plain_spec["method"]["modulesToSave"] = ["lm_haed"]
    with pytest.raises(Refusal) as refused:
        conduct(plain_spec)
    assert refused.value.issues[0].path == "method.modulesToSave[0]"
    assert refused.value.issues[0].remedy == 'Did you mean "lm_head"?'
