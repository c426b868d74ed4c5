"""Airplane pictures drawn here, with plain captions and a domain's answers: data without a download."""

from .dataset import EDITION, write_split
from .drawing import draw
from .scene import SPLITS, STANDARD_SEED, Scene, pretraining_scene, sample_scene
from .words import DOMAIN_PROMPT, GENERIC_PROMPTS, domain_answer, generic_caption

__all__ = [
    "DOMAIN_PROMPT",
    "EDITION",
    "GENERIC_PROMPTS",
    "SPLITS",
    "STANDARD_SEED",
    "Scene",
    "domain_answer",
    "draw",
    "generic_caption",
    "pretraining_scene",
    "sample_scene",
    "write_split",
]
