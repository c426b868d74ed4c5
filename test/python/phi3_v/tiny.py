"""A Phi-3-vision small enough for a CPU, in the hub's file layout.

Everything that differs from the released models is a number: the vocabulary is the
bytes and printable ASCII, tiles have 4 by 4 patches, and the rope factors change at 128
tokens. The files name the same classes, levels and kernels as the hub's.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from captune_worker.phi3_v import Phi3VConfig, Phi3VForCausalLM
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from .vocabulary import IDS, VOCABULARY, write_json, write_tokenizer


def config_dict(**changes: Any) -> dict[str, Any]:
    """Give the content of a tiny ``config.json`` in the hub's layout.

    ``changes`` replace single entries; None removes one.
    """
    config = {
        "_name_or_path": "Phi-3-vision-128k-instruct",
        "architectures": ["Phi3VForCausalLM"],
        "attention_dropout": 0.0,
        "auto_map": {
            "AutoConfig": "configuration_phi3_v.Phi3VConfig",
            "AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM",
        },
        "bos_token_id": 1,
        "embd_layer": {
            "embedding_cls": "image",
            "hd_transform_order": "sub_glb",
            "projection_cls": "mlp",
            "use_hd_transform": True,
            "with_learnable_separator": True,
        },
        "end_token_id": IDS["<|end|>"],
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": 64,
        "image_token_id": IDS["<|image|>"],
        "img_processor": {
            "image_dim_out": 32,
            "model_name": "openai/clip-vit-large-patch14-336",
            "name": "clip_vision_model",
            "num_img_tokens": 4,
        },
        "initializer_range": 0.02,
        "intermediate_size": 96,
        "max_position_embeddings": 1024,
        "model_type": "phi3_v",
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_key_value_heads": 4,
        "original_max_position_embeddings": 128,
        "pad_token_id": IDS["<|endoftext|>"],
        "rms_norm_eps": 1e-05,
        "rope_scaling": {
            "long_factor": [2.0 + i for i in range(8)],
            "short_factor": [1.0 + 0.1 * i for i in range(8)],
            "type": "su",
        },
        "rope_theta": 10000.0,
        "sliding_window": 1024,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "transformers_version": "4.38.1",
        "use_cache": True,
        "vision_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "patch_size": 84,
        },
        "vocab_size": VOCABULARY,
        "_attn_implementation": "flash_attention_2",
    }
    config.update(changes)
    return {name: value for name, value in config.items() if value is not None}


def random_changes(seed: int) -> dict[str, Any]:
    """Draw another tiny architecture, to be given to ``config_dict``."""
    draw = np.random.RandomState(seed)
    head_dim, kv_heads = int(draw.choice([4, 8])), int(draw.choice([1, 2]))
    heads = kv_heads * int(draw.choice([1, 2]))
    patch, cells = [(168, 1), (84, 2), (56, 3)][draw.randint(3)]
    vision_heads, layer_idx = int(draw.choice([1, 2])), -int(draw.choice([2, 2, 1, 3]))
    vision_width = vision_heads * int(draw.choice([4, 8]))
    return {
        "hidden_size": heads * head_dim,
        "intermediate_size": int(draw.randint(8, 32)),
        "num_hidden_layers": int(draw.randint(1, 4)),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "original_max_position_embeddings": int(draw.randint(20, 60)),
        "rope_scaling": {
            "long_factor": (1 + 4 * draw.rand(head_dim // 2)).tolist(),
            "short_factor": (1 + draw.rand(head_dim // 2)).tolist(),
            "type": "su",
        },
        "img_processor": {
            "image_dim_out": vision_width,
            "layer_idx": layer_idx,
            "model_name": "openai/clip-vit-large-patch14-336",
            "name": "clip_vision_model",
            "num_img_tokens": cells**2,
        },
        "vision_config": {
            "hidden_size": vision_width,
            "intermediate_size": int(draw.randint(4, 16)),
            "num_hidden_layers": int(draw.randint(3, 5)),
            "num_attention_heads": vision_heads,
            "patch_size": patch,
        },
    }


def random_weights(model: Phi3VForCausalLM, seed: int = 0) -> dict[str, Tensor]:
    """Draw weights large enough for outputs to depend on inputs, which 0.02 is not."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, parameter in model.state_dict().items():
        drawn = torch.randn(parameter.shape, generator=generator)
        norm = "norm" in name and name.endswith("weight")
        weights[name] = 1 + 0.1 * drawn if norm else 0.25 * drawn
    return weights


def tiny_model(
    seed: int = 0, attention: str = "sdpa", **changes: Any
) -> Phi3VForCausalLM:
    """Build a tiny model with seeded weights, float32, in evaluation mode."""
    config = Phi3VConfig(**config_dict(**changes), attn_implementation=attention)
    model = Phi3VForCausalLM(config)
    model.load_state_dict(random_weights(model, seed))
    return model.eval()


def write_checkpoint(
    folder: Path, *, seed: int = 0, shards: int = 1, **changes: Any
) -> dict[str, Tensor]:
    """Write a tiny model with tokenizer and preprocessor, laid out as the hub does.

    Gives the weights that were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    config = config_dict(**changes)
    write_json(folder / "config.json", config)
    write_json(
        folder / "preprocessor_config.json",
        {
            "auto_map": {
                "AutoProcessor": "processing_phi3_v.Phi3VProcessor",
                "AutoImageProcessor": "image_processing_phi3_v.Phi3VImageProcessor",
            },
            "num_crops": 16,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_processor_type": "Phi3VImageProcessor",
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "processor_class": "Phi3VProcessor",
            "num_img_tokens": config["img_processor"]["num_img_tokens"],
        },
    )
    with torch.device("meta"):
        model = Phi3VForCausalLM(Phi3VConfig(**config))
    weights = random_weights(model, seed)
    write_weights(folder, weights, shards)
    return weights


def write_weights(folder: Path, weights: dict[str, Tensor], shards: int = 1) -> None:
    """Write safetensors, in one file or with an index as the hub's two files have."""
    metadata = {"format": "pt"}
    if shards == 1:
        save_file(weights, folder / "model.safetensors", metadata)
        return
    places = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = dict(list(weights.items())[shard::shards])
        save_file(part, folder / file, metadata)
        places |= dict.fromkeys(part, file)
    size = sum(weight.nbytes for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    write_json(folder / "model.safetensors.index.json", index)


def picture(width: int, height: int, k: int = 0) -> Image.Image:
    """Draw by the rule of ``goldens.json``; ``k`` tells pictures of one size apart."""
    y, x, c = np.ogrid[:height, :width, :3]
    values = (3 * x + 7 * y + 50 * c + 31 * k + (x * y) // 97) % 256
    return Image.fromarray(values.astype(np.uint8))
