"""Make transformers' Auto classes use this package for the model type ``phi3_v``."""

from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
)
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming

# Not from the top: transformers 5.17 hides it there unless torchvision is installed.
from transformers.models.auto.image_processing_auto import AutoImageProcessor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from .causal_lm import Phi3VForCausalLM
from .configuration import Phi3VConfig
from .image_processing import Phi3VImageProcessor
from .processing import Phi3VProcessor


def register() -> None:
    """Register configuration, model and processors; calling it again changes nothing.

    Registered classes are preferred to a repository's own code (``auto_map``) with and
    without ``trust_remote_code``, and to classes of the library.
    """
    model_type = Phi3VConfig.model_type
    AutoConfig.register(model_type, Phi3VConfig, exist_ok=True)
    for auto_class in (AutoModelForImageTextToText, AutoModelForCausalLM):
        auto_class.register(Phi3VConfig, Phi3VForCausalLM, exist_ok=True)
    # One class for both, so that pixels are PIL's where torchvision is installed too.
    backends = {"pil": Phi3VImageProcessor, "torchvision": Phi3VImageProcessor}
    AutoImageProcessor.register(
        Phi3VConfig, image_processor_classes=backends, exist_ok=True
    )
    # Processors are looked up by class name, in the library first. A later transformers
    # may bring its own Phi3VProcessor.
    PROCESSOR_MAPPING_NAMES.pop(model_type, None)
    AutoProcessor.register(Phi3VConfig, Phi3VProcessor, exist_ok=True)
    register_checkpoint_conversion_mapping(
        model_type, [_EmbeddingAlias()], overwrite=True
    )


class _EmbeddingAlias(WeightRenaming):
    """Read the token embedding under the other name that fine-tunes may give it.

    The original module holds one tensor under two names. Where a checkpoint has both,
    the proper one wins (keys are read in sorted order). Only for reading: files are
    written with the proper name.
    """

    __slots__ = ()

    def __init__(
        self,
        source_patterns: str = r"vision_embed_tokens\.wte\.weight$",
        target_patterns: str = "embed_tokens.weight",
    ) -> None:
        super().__init__(source_patterns, target_patterns)

    def reverse_transform(self) -> WeightRenaming:
        never = r"(?!)"
        return WeightRenaming(never, never)
