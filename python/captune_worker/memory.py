"""A step that memory does not hold is computed in smaller parts, or given up."""

from .errors import Refusal, issue
from .examples import Batch
from .facts import report_resolution
from .report import Report
from .resolution import Load, Resolution, fitting_tokens, shrink
from .spec import Spec


def make_room(
    spec: Spec,
    resolution: Resolution,
    load: Load,
    batches: list[Batch],
    message: str,
    report: Report,
) -> Resolution:
    """What to settle for when ``batches`` did not fit; says so.

    ``message`` is the allocator's.

    Raises:
        Refusal: ``OUT_OF_MEMORY`` when nothing is left to try.
    """
    smaller = shrink(spec, resolution)
    if smaller is None:
        raise _too_long(spec, resolution, load, batches, message)
    report.warning(
        code="OUT_OF_MEMORY",
        message="Memory did not hold the step; it is computed in parts of "
        f"{smaller.micro_batch_size}"
        f"{', with recomputation' if smaller.gradient_checkpointing else ''}.",
        data={
            "microBatchSize": smaller.micro_batch_size,
            "gradientCheckpointing": smaller.gradient_checkpointing,
        },
    )
    report_resolution(report, smaller)
    return smaller


def _too_long(
    spec: Spec,
    resolution: Resolution,
    load: Load,
    batches: list[Batch],
    message: str,
) -> Refusal:
    """What to say when one example is too much."""
    longest = max(int(batch.lengths.max()) for batch in batches)
    fits = fitting_tokens(resolution, load)
    # An estimate that says it should have fitted is no help.
    limit = f" to about {fits}, which would fit" if fits < longest else ""
    problem = issue(
        "model.imageCrops",
        f"makes a row of {longest} tokens, which does not fit into memory even alone",
        spec.model.image_crops,
        f"Lower it, or set data.maxTokens{limit}; set "
        'training.gradientCheckpointing to "auto" or true; or use the method '
        '"qlora".',
    )
    return Refusal(
        "OUT_OF_MEMORY",
        "The device has too little memory for one example",
        [problem],
        {"longest": longest, "fits": fits, "message": message},
    )
