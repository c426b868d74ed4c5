"""Native Phi-3-vision and Phi-3.5-vision for current transformers.

Importing it registers the Auto classes: ``AutoConfig``, ``AutoProcessor`` and
``AutoModelForImageTextToText`` then load an unmodified hub checkpoint, without its
code.
"""

from .causal_lm import Phi3VForCausalLM
from .configuration import Phi3VConfig
from .image_processing import Phi3VImageProcessor
from .modeling import Phi3VModel
from .processing import Phi3VProcessor
from .registration import register
from .tiling import visual_tokens

register()

__all__ = [
    "Phi3VConfig",
    "Phi3VForCausalLM",
    "Phi3VImageProcessor",
    "Phi3VModel",
    "Phi3VProcessor",
    "visual_tokens",
]
