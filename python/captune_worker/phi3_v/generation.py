"""What ``generate`` must know: rope's switch, whose images are whose, end tokens."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers import (
    DynamicCache,
    GenerationConfig,
    GenerationMixin,
    LogitsProcessorList,
    PreTrainedConfig,
)
from transformers.cache_utils import Cache
from transformers.generation import SuppressTokensLogitsProcessor

from .placeholders import images_per_row, placeholder_mask
from .rotary import any_row_switched, real_lengths


class Phi3VGenerationMixin(GenerationMixin):
    """``GenerationMixin`` for keys that go stale and images that belong to rows."""

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        next_sequence_length: int | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        is_first_iteration: bool | None = False,
        position_ids: Tensor | None = None,
        use_cache: bool | None = True,
        image_features: Sequence[Tensor] | None = None,
        row_lengths: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Prepare one pass, over the whole batch anew where a row's factors change.

        A row that grows beyond ``original_max_position_embeddings`` needs long factors
        for all of its tokens, those with cached keys included. The cache is common to
        all rows, so it is emptied and every row is encoded again with its own factors,
        images included. Native Phi3 means to do this for the batch as a whole, but the
        ids are cut to one token regardless, which then has no past (transformers 5.17).
        """
        if row_lengths is not None:
            raise ValueError(
                "generate learns how long rows are from attention_mask, not from "
                "row_lengths."
            )
        width = _width(input_ids, attention_mask, position_ids)
        if self._is_stale(
            past_key_values, input_ids, width, attention_mask, position_ids
        ):
            if input_ids.shape[1] != width:
                raise ValueError(
                    "A row grows to where the rope factors change and has to be "
                    "encoded from its start, but not all of its token ids are here: "
                    "pass the whole sequence, as ids, and no prefill_chunk_size."
                )
            _empty(past_key_values, self.config)
            next_sequence_length, is_first_iteration = None, True
        model_inputs = super().prepare_inputs_for_generation(
            input_ids,
            next_sequence_length=next_sequence_length,
            past_key_values=past_key_values,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            is_first_iteration=is_first_iteration,
            position_ids=position_ids,
            use_cache=use_cache,
            **kwargs,
        )
        # The library leaves out pixel_values itself where their keys are cached.
        if image_features is not None and (is_first_iteration or not use_cache):
            model_inputs["image_features"] = image_features
        return model_inputs

    def _is_stale(
        self,
        cache: Cache | None,
        input_ids: Tensor,
        width: int,
        attention_mask: Tensor | None,
        position_ids: Tensor | None,
    ) -> bool:
        past = 0 if cache is None else int(cache.get_seq_length())
        limit = self.config.original_max_position_embeddings
        if past == 0 or width <= limit:
            return False
        new: Tensor | int = width - past
        if attention_mask is not None:
            new = (attention_mask[:, past:] != 0).sum(-1).to(input_ids.device)
        lengths = real_lengths(
            batch=len(input_ids),
            width=width,
            limit=limit,
            device=input_ids.device,
            attention_mask=attention_mask,
            position_ids=position_ids,
        )
        return any_row_switched(lengths, new, limit)

    def _assisted_decoding(
        self,
        input_ids: Tensor,
        *args: Any,
        generation_config: GenerationConfig,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """Refuse an assistant where the row may cross rope's switch.

        An assistant's tokens are checked several in one pass; here the first of them
        could need short factors and the last of them long ones.
        """
        limit = self.config.original_max_position_embeddings
        padding = 0 if attention_mask is None else int((attention_mask == 0).sum())
        length = input_ids.shape[1] - padding
        if length <= limit < generation_config.max_length - padding:
            raise ValueError(
                f"An assistant cannot be used where a row may grow beyond {limit} "
                "tokens, because the rope factors change there: generate without one, "
                "or fewer tokens."
            )
        return super()._assisted_decoding(
            input_ids,
            *args,
            generation_config=generation_config,
            attention_mask=attention_mask,
            **kwargs,
        )

    def _expand_inputs_for_generation(
        self,
        expand_size: int = 1,
        is_encoder_decoder: bool = False,
        input_ids: Tensor | None = None,
        **model_kwargs: Any,
    ) -> tuple[Tensor, dict[str, Any]]:
        """Repeat rows for beams or several answers, a row's images all together.

        The library repeats every tensor along its first dimension, which would
        interleave the images of a row that has several.
        """
        names = ("pixel_values", "image_sizes", "image_features")
        given = {name: model_kwargs.pop(name, None) for name in names}
        images = {name: value for name, value in given.items() if value is not None}
        if expand_size > 1 and images:
            order = self._repeated_images(input_ids, expand_size, **images)
            for name, value in images.items():
                is_tensor = isinstance(value, Tensor)
                images[name] = value[order] if is_tensor else [value[i] for i in order]
        input_ids, model_kwargs = super()._expand_inputs_for_generation(
            expand_size=expand_size,
            is_encoder_decoder=is_encoder_decoder,
            input_ids=input_ids,
            **model_kwargs,
        )
        return input_ids, model_kwargs | images

    def _repeated_images(
        self,
        input_ids: Tensor,
        times: int,
        image_sizes: Tensor | None = None,
        image_features: Sequence[Tensor] | None = None,
        **_: Any,
    ) -> list[int]:
        """Give the images' numbers in order of appearance when each row is repeated."""
        if image_features is not None:
            tokens = [len(features) for features in image_features]
        else:
            tokens = self.model.vision_embed_tokens.token_counts(image_sizes)
        mask = placeholder_mask(input_ids, self.config.image_token_id)
        order: list[int] = []
        first = 0
        for count in images_per_row(mask.sum(-1).tolist(), tokens):
            order += list(range(first, first + count)) * times
            first += count
        return order

    def _get_logits_processor(self, *args: Any, **kwargs: Any) -> LogitsProcessorList:
        """Never generate an image placeholder, whatever is configured.

        It would be taken for an image where the sequence is encoded again.
        """
        processors = super()._get_logits_processor(*args, **kwargs)
        device = kwargs.get("device") or self.device
        ids = [self.config.image_token_id]
        processors.append(SuppressTokensLogitsProcessor(ids, device=device))
        return processors

    def adjust_generation_fn(self, *args: Any, **kwargs: Any) -> None:
        """Load the repository's generation configuration, then add what it lacks."""
        super().adjust_generation_fn(*args, **kwargs)
        self.complete_generation_config()

    def complete_generation_config(self) -> None:
        """Make plain ``generate`` stop: an answer ends with ``<|end|>``.

        The hub's config.json names only ``</s>``, which the model never gives. End
        tokens are ``<|end|>``, the padding token ``<|endoftext|>`` and what is
        configured; greedy unless configured otherwise; image placeholders are
        suppressed. All ids come from the model's configuration.
        """
        config, generation = self.config, self.generation_config
        ids = [config.end_token_id, config.pad_token_id]
        for configured in (config.eos_token_id, generation.eos_token_id):
            ids += configured if isinstance(configured, list) else [configured]
        generation.eos_token_id = list(dict.fromkeys(i for i in ids if i is not None))
        if generation.pad_token_id is None:
            generation.pad_token_id = config.pad_token_id
        if generation.bos_token_id is None:
            generation.bos_token_id = config.bos_token_id
        if generation.do_sample is None:
            generation.do_sample = False
        suppressed = [config.image_token_id, *(generation.suppress_tokens or ())]
        generation.suppress_tokens = list(dict.fromkeys(suppressed))


def _width(
    input_ids: Tensor, attention_mask: Tensor | None, position_ids: Tensor | None
) -> int:
    """Count the columns of the whole sequence, cached ones included."""
    for tensor in (attention_mask, position_ids):
        if tensor is not None:
            return tensor.shape[-1]
    return input_ids.shape[1]


def _empty(cache: Cache, config: PreTrainedConfig) -> None:
    """Forget all keys in place, so that whoever else holds the cache sees the new ones.

    A static cache keeps its memory. The layers of any other are replaced, because their
    ``reset`` sets keys to zero but keeps them in transformers 5.17.
    """
    if cache.is_compileable:
        cache.reset()
    else:
        cache.layers = DynamicCache(config=config).layers
