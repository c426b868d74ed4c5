"""The configuration of Phi-3-vision, which is the hub's flat ``config.json``."""

from math import isqrt
from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import CLIPVisionConfig, Phi3Config

# CLIP ViT-L/14-336. The hub's config.json only names that model; its sizes are
# constants of the architecture.
VIT_L_14_336 = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_channels": 3,
    "image_size": 336,
    "patch_size": 14,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "attention_dropout": 0.0,
    "projection_dim": 768,
}

# The image embedding of the released checkpoints; anything else is refused.
EMBD_LAYER = {
    "embedding_cls": "image",
    "hd_transform_order": "sub_glb",
    "projection_cls": "mlp",
    "use_hd_transform": True,
    "with_learnable_separator": True,
}


@strict
class Phi3VConfig(Phi3Config):
    """Phi-3-vision-128k-instruct and Phi-3.5-vision-instruct.

    The text fields are those of ``Phi3Config``. Added here:

    - ``vision_config`` overrides single values of the built-in CLIP ViT-L/14-336.
    - ``img_processor`` and ``embd_layer`` are the hub's two dictionaries. ``layer_idx``
      (default -2) says which CLIP hidden state is used, ``num_img_tokens`` into how
      many cells a tile is divided.
    - ``image_token_id`` (``<|image|>``) and ``end_token_id`` (``<|end|>``, which closes
      an answer) default to the released tokenizer, since the hub's config.json names
      neither. A model with another vocabulary writes its own.

    Not taken from the hub's file: ``auto_map`` (this class is the code),
    ``_attn_implementation`` (names a kernel that may not be installed) and
    ``sliding_window`` (never smaller than the context, so it changes no result, but it
    would cost masks that rule out flash kernels and caches that cannot be cut).

    Raises ``ValueError`` for an image embedding that no released checkpoint has.
    """

    model_type = "phi3_v"
    sub_configs: ClassVar = {"vision_config": CLIPVisionConfig}
    # Native Phi3 declares a pipeline of text modules only.
    base_model_pp_plan = None

    max_position_embeddings: int = 131072
    eos_token_id: int | list[int] | None = 2
    image_token_id: int = 32044
    end_token_id: int = 32007
    embd_layer: dict | None = None
    img_processor: dict | None = None
    vision_config: dict | CLIPVisionConfig | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        kwargs.pop("auto_map", None)
        kwargs.pop("_attn_implementation", None)
        self.sliding_window = None
        if not isinstance(self.vision_config, CLIPVisionConfig):
            vision = {**VIT_L_14_336, **(self.vision_config or {})}
            self.vision_config = CLIPVisionConfig(**vision)
        self.embd_layer = {**EMBD_LAYER, **(self.embd_layer or {})}
        self.img_processor = {
            "name": "clip_vision_model",
            "model_name": "openai/clip-vit-large-patch14-336",
            "image_dim_out": self.vision_config.hidden_size,
            "num_img_tokens": self.cells_per_side**2,
            **(self.img_processor or {}),
        }
        self._check_image_embedding()
        super().__post_init__(**kwargs)

    @property
    def tile_size(self) -> int:
        """Side of a square tile, pixels (336)."""
        return self.vision_config.image_size

    @property
    def cells_per_side(self) -> int:
        """Cells along the side of a tile; a cell is 2 by 2 CLIP patches (12)."""
        return self.vision_config.image_size // self.vision_config.patch_size // 2

    @property
    def vision_blocks(self) -> int:
        """CLIP blocks below the hidden state that is used (23 of 24)."""
        layer_idx = self.img_processor.get("layer_idx", -2)
        return layer_idx % (self.vision_config.num_hidden_layers + 1)

    def _check_image_embedding(self) -> None:
        for name, value in EMBD_LAYER.items():
            if self.embd_layer[name] != value:
                raise ValueError(
                    f"embd_layer.{name} is {self.embd_layer[name]!r}, but every "
                    f"released checkpoint has {value!r}."
                )
        if self.img_processor.get("type_feature", "patch") != "patch":
            raise ValueError("img_processor.type_feature must be 'patch'.")
        patch = self.vision_config.patch_size
        if self.tile_size % (2 * patch):
            raise ValueError(
                f"A tile of {self.tile_size} pixels does not divide into cells of 2 by "
                f"2 patches of {patch} pixels."
            )
        cells = self.img_processor["num_img_tokens"]
        if isqrt(cells) != self.cells_per_side:
            raise ValueError(
                f"img_processor.num_img_tokens is {cells}, but a tile has "
                f"{self.cells_per_side} by {self.cells_per_side} cells."
            )

    def convert_rope_params_to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """Call the hub's rope type ``su`` by its present name, ``longrope``.

        ``Phi3Config`` renames it too, but only after the step that needs the new name,
        which fails (transformers 5.17 to 5.23). The caller's dictionary is not changed.
        """
        rope = dict(kwargs.pop("rope_scaling", None) or self.rope_parameters or {})
        kind = rope.pop("type", None)
        kind = rope.get("rope_type", kind)
        if kind is not None:
            rope["rope_type"] = "longrope" if kind == "su" else kind
        self.rope_parameters = rope
        return super().convert_rope_params_to_dict(**kwargs)

    def _validate_longrope_rope_parameters(
        self, rope_parameters: dict[str, Any], ignore_keys: set[str] | None = None
    ) -> None:
        """Validate as the library does, without its advice to store a ``factor``.

        No released file has one: it is the ratio of the two context lengths.
        """
        ratio = self.max_position_embeddings / self.original_max_position_embeddings
        super()._validate_longrope_rope_parameters(
            {"factor": ratio, **rope_parameters}, ignore_keys=ignore_keys
        )

    def to_dict(self) -> dict[str, Any]:
        """Write rope as the hub does (type ``su``), which other tools can read too."""
        output = super().to_dict()
        rope = output.get("rope_parameters") or {}
        derived = "factor" not in rope and "attention_factor" not in rope
        if rope.get("rope_type") == "longrope" and derived:
            del output["rope_parameters"]
            output["rope_theta"] = rope["rope_theta"]
            output["rope_scaling"] = {
                "type": "su",
                "short_factor": rope["short_factor"],
                "long_factor": rope["long_factor"],
            }
        return output
