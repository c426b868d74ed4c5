"""The jobs that ``training.py`` times: one way to train, in a process of its own."""

import json
import queue
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from captune_worker.control import Control, Train
from captune_worker.journal import Journal
from captune_worker.report import Report
from captune_worker.session import conduct
from captune_worker.spec import parse
from peft import LoraConfig, get_peft_model
from PIL import Image
from torch.utils.data import Dataset
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

TARGETS = ["qkv_proj", "gate_up_proj", "down_proj"]
PROMPT = "Generate a concise caption for this image, mentioning specific airplane types"
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples" / "resolved-spec.json"


class Rows(Dataset):
    """What people write: read the picture, call the processor, mask the prompt."""

    def __init__(self, file: str, processor: Any) -> None:
        self._folder = Path(file).parent
        self._rows = [json.loads(line) for line in Path(file).read_text().splitlines()]
        self._processor = processor

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        row = self._rows[index]
        prompt = f"<|user|>\n<|image_1|>\n{PROMPT}<|end|>\n<|assistant|>\n"
        image = Image.open(self._folder / row["image"])
        seen = dict(self._processor(prompt, [image]))
        answer = self._processor.tokenizer(
            f"{row['answer']}<|end|>", add_special_tokens=False, return_tensors="pt"
        )["input_ids"]
        ignored = torch.full_like(seen["input_ids"], -100)
        seen["labels"] = torch.cat([ignored, answer], 1)
        seen["input_ids"] = torch.cat([seen["input_ids"], answer], 1)
        seen["attention_mask"] = torch.ones_like(seen["input_ids"])
        return seen


class Clock(TrainerCallback):
    """Seconds of every optimizer step, evaluations apart."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        torch.cuda.synchronize()
        self._since = time.monotonic()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        torch.cuda.synchronize()
        self.seconds.append(time.monotonic() - self._since)


def recipe(task: dict[str, Any], recompute: bool) -> dict[str, float]:
    """The well-known recipe, its target names mended."""
    processor = AutoProcessor.from_pretrained(task["model"], num_crops=task["crops"])
    model = AutoModelForImageTextToText.from_pretrained(
        task["model"], dtype=torch.bfloat16, attn_implementation="sdpa"
    ).cuda()
    model.config.use_cache = False
    lora = LoraConfig(
        r=16,
        lora_alpha=32,
        lora_dropout=0.1,
        target_modules=TARGETS,
        task_type="CAUSAL_LM",
    )
    if recompute:
        model.enable_input_require_grads()
    model = get_peft_model(model, lora)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                num_train_epochs=task["epochs"],
                per_device_train_batch_size=1,
                per_device_eval_batch_size=1,
                gradient_accumulation_steps=task["step_examples"],
                gradient_checkpointing=recompute,
                learning_rate=1e-4,
                lr_scheduler_type="constant",
                weight_decay=0.01,
                max_grad_norm=1.0,
                bf16=True,
                logging_steps=10,
                eval_strategy="steps",
                eval_steps=task["evaluate_every"],
                save_strategy="steps",
                save_steps=task["evaluate_every"],
                save_total_limit=2,
                dataloader_num_workers=4,
                remove_unused_columns=False,
                report_to=[],
                disable_tqdm=True,
            ),
            train_dataset=Rows(task["train"], processor),
            eval_dataset=Rows(task["validation"], processor),
            data_collator=lambda rows: rows[0],
            compute_metrics=token_accuracy,
            callbacks=[clock],
        )
        started = time.monotonic()
        trainer.train()
        torch.cuda.synchronize()
        seconds = time.monotonic() - started
    warm = clock.seconds[len(clock.seconds) // task["epochs"] :]
    return measured(task["step_examples"] / statistics.median(warm), seconds)


def token_accuracy(seen: EvalPrediction) -> dict[str, float]:
    """What the recipe makes of the logits: their argmax, beside the labels."""
    likeliest = seen.predictions.argmax(-1)[:, :-1]
    labels = seen.label_ids[:, 1:]
    learnt = labels != -100
    return {"accuracy": float((likeliest == labels)[learnt].mean())}


def captune(task: dict[str, Any]) -> dict[str, float]:
    """The worker, with every setting at its default."""
    plain = json.loads(EXAMPLES.read_bytes())["valid"][0]
    selection = {"filters": [], "shuffleSeed": None, "limit": None}
    plain["model"].update(nameOrPath=task["model"], imageCrops=task["crops"])
    for split in ("train", "validation"):
        plain["data"][split] = {"kind": "jsonl", "path": task[split], **selection}
    plain["data"]["prompt"] = PROMPT
    plain["method"]["targetModules"] = TARGETS
    plain["training"].update(
        epochs=task["epochs"],
        batchSize=1,
        gradientAccumulationSteps=task["step_examples"],
        gradientCheckpointing="auto",
        loggingSteps=10,
    )
    common = (
        "everySteps",
        "maxExamples",
        "batchSize",
        "shuffledImages",
        "earlyStopping",
    )
    plain["evaluation"] = {
        **{key: plain["evaluation"][key] for key in common},
        "kind": "teacherForced",
        "everySteps": task["evaluate_every"],
        # Nobody scores here; TypeScript takes milliseconds for it.
        "scoreTimeoutMs": 0,
        "metrics": ["loss", "tokenAccuracy"],
        "best": {"metric": "loss", "direction": "min"},
    }
    plain["compute"]["loaderWorkers"] = 4
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        journal = Journal(folder / "worker.jsonl")
        report = Report("bench", 1, journal, lambda: None)
        control = Control(queue.Queue())
        started = time.time()
        begin = Train(scored=None)
        conduct(parse(plain), folder, folder / "cache", report, control, begin)
        seconds = time.time() - started
        lines = (folder / "worker.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    loads = {
        one["state"]: one["time"] / 1000
        for one in events
        if one["type"] == "stage" and one["stage"] == "load"
    }
    speeds = [
        one["examplesPerSecond"]
        for one in events
        if one["type"] == "step" and one["epoch"] > 1
    ]
    resolved = next(one for one in events if one["type"] == "resolved")
    model = next(one for one in events if one["type"] == "model")
    return {
        **measured(
            statistics.median(speeds), seconds - loads["completed"] + loads["started"]
        ),
        "micro_batch": resolved["microBatchSize"],
        "attention": model["attention"],
        "longest": events_longest(events),
    }


def events_longest(events: list[dict[str, Any]]) -> int:
    """Tokens of the longest training row."""
    data = next(one for one in events if one["type"] == "data")
    train = data["splits"][0]
    return sum(
        train[part]["max"] for part in ("promptTokens", "visualTokens", "answerTokens")
    )


def measured(examples_per_second: float, seconds: float) -> dict[str, float]:
    return {
        "examples_per_second": round(examples_per_second, 2),
        "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 1),
        "job_s": round(seconds, 1),
    }


def main() -> None:
    way, task = json.loads(sys.argv[1])
    if way == "captune":
        result = captune(task)
    else:
        result = recipe(task, recompute=way == "recipe")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
