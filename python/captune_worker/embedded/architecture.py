"""The embedded model's architecture: Phi-3-vision with small numbers."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from .tokenizer import write_json

NUM_CROPS = 4

HIDDEN = 128
HEADS = 4
LAYERS = 4
PATCH = 24
CELLS = 336 // PATCH // 2
VISION_HIDDEN = 96
IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's pictures, per channel, from 0 to 1; as in the released model."""
CONTEXT, SHORT_CONTEXT = 4096, 512


def config_dict(tokenizer: Tokenizer) -> dict[str, Any]:
    """The content of ``config.json`` in the hub's layout."""
    pairs = HIDDEN // HEADS // 2
    # The slowest pairs are stretched by the ratio of the two contexts, the fastest not.
    stretch = (CONTEXT / SHORT_CONTEXT) ** (1 / (pairs - 1))
    # Spare rows, as the released vocabulary has them.
    vocabulary = -(-tokenizer.get_vocab_size() // 64) * 64
    return {
        "_name_or_path": "captune/airplanes-tiny",
        "architectures": ["Phi3VForCausalLM"],
        "attention_dropout": 0.0,
        "auto_map": {
            "AutoConfig": "configuration_phi3_v.Phi3VConfig",
            "AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM",
        },
        "bos_token_id": tokenizer.token_to_id("<s>"),
        "embd_layer": {
            "embedding_cls": "image",
            "hd_transform_order": "sub_glb",
            "projection_cls": "mlp",
            "use_hd_transform": True,
            "with_learnable_separator": True,
        },
        "end_token_id": tokenizer.token_to_id("<|end|>"),
        "eos_token_id": tokenizer.token_to_id("</s>"),
        "hidden_act": "silu",
        "hidden_size": HIDDEN,
        "image_token_id": tokenizer.token_to_id("<|image|>"),
        "img_processor": {
            "image_dim_out": VISION_HIDDEN,
            "model_name": "openai/clip-vit-large-patch14-336",
            "name": "clip_vision_model",
            "num_img_tokens": CELLS**2,
        },
        "initializer_range": 0.02,
        "intermediate_size": 3 * HIDDEN,
        "max_position_embeddings": CONTEXT,
        "model_type": "phi3_v",
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "num_key_value_heads": HEADS,
        "original_max_position_embeddings": SHORT_CONTEXT,
        "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "long_factor": [round(stretch**pair, 4) for pair in range(pairs)],
            "short_factor": [1.0] * pairs,
            "type": "su",
        },
        "rope_theta": 10000.0,
        "sliding_window": CONTEXT,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vision_config": {
            "hidden_size": VISION_HIDDEN,
            "intermediate_size": 4 * VISION_HIDDEN,
            "num_hidden_layers": 4,
            "num_attention_heads": 3,
            "patch_size": PATCH,
        },
        "vocab_size": vocabulary,
        "_attn_implementation": "flash_attention_2",
    }


def preprocessor_dict() -> dict[str, Any]:
    """The content of ``preprocessor_config.json``, naming the hub's classes."""
    return {
        "auto_map": {
            "AutoProcessor": "processing_phi3_v.Phi3VProcessor",
            "AutoImageProcessor": "image_processing_phi3_v.Phi3VImageProcessor",
        },
        "num_crops": NUM_CROPS,
        "image_mean": list(IMAGE_MEAN),
        "image_processor_type": "Phi3VImageProcessor",
        "image_std": list(IMAGE_STD),
        "processor_class": "Phi3VProcessor",
        "num_img_tokens": CELLS**2,
    }


def write_configuration(folder: Path, tokenizer: Tokenizer) -> None:
    write_json(folder / "config.json", config_dict(tokenizer))
    write_json(folder / "preprocessor_config.json", preprocessor_dict())
