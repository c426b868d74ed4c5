"""Which attention kernel really ran: seen in the operators, not read from settings."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .errors import Refusal, issue
from .report import Report

SDPA_KERNELS = {
    "aten._scaled_dot_product_flash_attention": "sdpa:flash",
    "aten._scaled_dot_product_flash_attention_for_cpu": "sdpa:flash",
    "aten._scaled_dot_product_cudnn_attention": "sdpa:cudnn",
    "aten._scaled_dot_product_efficient_attention": "sdpa:efficient",
}
"""Operators that torch's attention becomes; in its plain form it is none of them."""

FLASH = ("flash_attention_2", "flash_attention_3", "sdpa:flash", "sdpa:cudnn")
"""Kernels that never write the whole matrix of scores, and are fast at it."""


class AttentionKernels:
    """Notes the kernel of training and of evaluation, and warns when one changes."""

    def __init__(self, implementation: str, report: Report) -> None:
        """``implementation``: as transformers names it."""
        self.implementation = implementation
        self._report = report
        self.training: str | None = None
        self.evaluation: str | None = None

    @contextmanager
    def observe(self, phase: str) -> Iterator[None]:
        """Watches a piece of ``"training"`` or ``"evaluation"``."""
        if self.implementation != "sdpa":
            yield
            kernel = self.implementation
        else:
            operators = _Operators()
            with _Attention(operators):
                yield
            kernel = operators.most_common()
        before = getattr(self, phase)
        setattr(self, phase, kernel)
        if before not in (None, kernel):
            self._report.warning(
                code="ATTENTION_CHANGED",
                message=f"Attention in {phase} now runs as {kernel}, before as {before}.",
                data={"phase": phase, "before": before, "now": kernel},
            )

    def demand_flash(self) -> None:
        """Raises:
        Refusal: ``DEVICE_UNAVAILABLE`` when training runs without a flash kernel.
        """
        if self.training in FLASH:
            return
        problem = issue(
            "model.attention",
            f"cannot be had: torch chose {self.training} for this model, type and device",
            "flash",
            'Use "auto", or install flash-attn for this torch and GPU.',
        )
        raise Refusal("DEVICE_UNAVAILABLE", "There is no flash attention", [problem])


class _Attention(TorchFunctionMode):
    """Shows a counter the operators within attention only: watching costs time."""

    def __init__(self, operators: "_Operators") -> None:
        super().__init__()
        self._operators = operators

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is not scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        with self._operators:
            return func(*args, **(kwargs or {}))


class _Operators(TorchDispatchMode):
    """Counts the operators that scaled dot product attention becomes."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kernel = SDPA_KERNELS.get(str(func.overloadpacket))
        if kernel is not None:
            self._seen[kernel] += 1
        return func(*args, **(kwargs or {}))

    def most_common(self) -> str:
        if not self._seen:
            return "sdpa:math"
        return self._seen.most_common(1)[0][0]
