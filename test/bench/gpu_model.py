"""The native model at true size on one GPU: kernels, milliseconds, memory.

Seeded random weights in bfloat16, so no download is needed. One command, from the
repository's root, with a Python that has torch for CUDA, transformers and peft:

    PYTHONPATH=python python test/bench/gpu_model.py results.json

Every case is run under the profiler once, and fails where neither a flash nor a cuDNN
attention kernel ran; times are medians over runs without it.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import transformers
from captune_worker.phi3_v import Phi3VConfig, Phi3VForCausalLM, Phi3VImageProcessor
from peft import LoraConfig, get_peft_model
from PIL import Image
from torch.profiler import ProfilerActivity, profile

SIZES = {757: (640, 480, 4), 1921: (1024, 768, 16), 2509: (1000, 1000, 16)}
"""Visual tokens, and a picture (width, height, crops) that makes them."""
TEXT_TOKENS, ANSWER_TOKENS, NEW_TOKENS = 35, 45, 32
WARM_UPS, RUNS = 2, 7
KERNELS = {
    "flash": ("flash_fwd", "flash_bwd", "flashattn"),
    "cudnn": ("fort_native_sdpa",),
    "efficient": ("fmha_cutlass", "mem_eff", "efficient_attention"),
}


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("skipped: this benchmark needs a CUDA GPU")
    torch.manual_seed(0)
    model = make_model()
    cases = [case for tokens in (1921, 2509) for case in one_picture(model, tokens)]
    cases.append(three_rows(model))
    report = {
        "device": torch.cuda.get_device_name(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
        "parameters": sum(
            one.numel() for name, one in model.named_parameters() if "lora_" not in name
        ),
        "cases": cases,
    }
    text = json.dumps(report, indent=2)
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w") as file:
            file.write(text + "\n")
    print(text)
    idle = [
        case["case"]
        for case in cases
        if not {"flash", "cudnn"} & set(case["attention"])
    ]
    if idle:
        sys.exit(f"no flash or cuDNN attention kernel ran in: {', '.join(idle)}")


def make_model() -> Phi3VForCausalLM:
    """The released architecture with LoRA on its decoder, adapters in float32."""
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = Phi3VForCausalLM(Phi3VConfig(attn_implementation="sdpa"))
    torch.set_default_dtype(torch.float32)
    model.requires_grad_(False)
    get_peft_model(
        model,
        LoraConfig(
            r=16,
            lora_alpha=32,
            lora_dropout=0.1,
            target_modules=["qkv_proj", "gate_up_proj", "down_proj"],
            task_type="CAUSAL_LM",
        ),
    )
    return model


def one_picture(model: Phi3VForCausalLM, tokens: int) -> list[dict[str, Any]]:
    """Vision, a training step and generation with a picture of so many tokens."""
    seen = pixels(tokens)
    ids, labels, lengths = rows([tokens])
    with torch.no_grad():
        features = model.get_image_features(**seen)
    assert [len(one) for one in features] == [tokens]

    def see() -> None:
        with torch.no_grad():
            model.get_image_features(**seen)

    def forward() -> None:
        with torch.no_grad():
            model.eval()(
                ids, image_features=features, row_lengths=lengths, use_cache=False
            )

    def generate() -> None:
        prompt = ids[:, : TEXT_TOKENS + tokens]
        model.eval().generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            image_features=features,
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
        )

    return [
        measure(f"vision, {tokens} tokens", see),
        measure(f"forward, {tokens} tokens", forward),
        measure(
            f"forward and backward, {tokens} tokens",
            lambda: train(model, ids, labels, lengths, features),
        ),
        measure(f"generate {NEW_TOKENS}, {tokens} tokens", generate),
    ]


def three_rows(model: Phi3VForCausalLM) -> dict[str, Any]:
    """A training step on three rows of different lengths, padded on the right."""
    counts = list(SIZES)
    ids, labels, lengths = rows(counts)
    with torch.no_grad():
        features = [model.get_image_features(**pixels(one))[0] for one in counts]
    name = f"forward and backward, rows of {', '.join(map(str, counts))} tokens"
    return measure(name, lambda: train(model, ids, labels, lengths, features))


def train(
    model: Phi3VForCausalLM,
    ids: torch.Tensor,
    labels: torch.Tensor,
    lengths: torch.Tensor,
    features: list[torch.Tensor],
) -> None:
    """Loss and gradients of the adapters; logits only where there is a label."""
    keep = torch.nn.functional.pad(labels[:, 1:] != -100, (0, 1))
    model.train()(
        ids,
        labels=labels,
        image_features=features,
        row_lengths=lengths,
        logits_to_keep=keep,
        use_cache=False,
    ).loss.backward()
    for parameter in model.parameters():
        parameter.grad = None


def rows(counts: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random text around pictures of so many tokens, and a random answer."""
    lengths = torch.tensor([count + TEXT_TOKENS + ANSWER_TOKENS for count in counts])
    ids = torch.randint(3, 32000, (len(counts), int(lengths.max())))
    labels = torch.full_like(ids, -100)
    for row, count in enumerate(counts):
        ids[row, 5 : 5 + count] = 32044
        start = count + TEXT_TOKENS
        labels[row, start : lengths[row]] = ids[row, start : lengths[row]]
    return ids.cuda(), labels.cuda(), lengths.cuda()


def pixels(tokens: int) -> dict[str, torch.Tensor]:
    """A noisy picture that makes so many visual tokens."""
    width, height, crops = SIZES[tokens]
    picture = Image.effect_noise((width, height), 64)
    seen = Phi3VImageProcessor(num_crops=crops)([picture])
    return {
        "pixel_values": seen["pixel_values"].cuda().bfloat16(),
        "image_sizes": seen["image_sizes"],
    }


def measure(name: str, run: Callable[[], None]) -> dict[str, Any]:
    """Attention kernels by the profiler, median milliseconds, peak memory."""
    for _ in range(WARM_UPS):
        run()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - started) * 1000)
    peak = torch.cuda.max_memory_allocated()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        run()
        torch.cuda.synchronize()
    launched = {event.key: event.count for event in seen.key_averages()}
    attention: dict[str, int] = {}
    for kernel, count in launched.items():
        for kind, marks in KERNELS.items():
            if any(mark in kernel.lower() for mark in marks):
                attention[kind] = attention.get(kind, 0) + count
    return {
        "case": name,
        "ms": round(statistics.median(times), 2),
        "ms_min": round(min(times), 2),
        "ms_max": round(max(times), 2),
        "peak_gib": round(peak / 2**30, 2),
        "attention": attention,
        "attention_kernels": sorted(
            kernel[:120]
            for kernel in launched
            if any(
                mark in kernel.lower() for marks in KERNELS.values() for mark in marks
            )
        ),
    }


if __name__ == "__main__":
    main()
