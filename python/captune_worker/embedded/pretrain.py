"""Make the embedded model: ``python -m captune_worker.embedded.pretrain FOLDER``.

It is Phi-3-vision in all but size, and has seen nothing but airplanes drawn here and
generic captions of them. Run twice on one machine, the command writes the same bytes.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import nn

from ..airplanes import pretraining_scene
from ..airplanes.chance import rng_for
from ..phi3_v import Phi3VConfig, Phi3VForCausalLM
from .architecture import config_dict, write_configuration
from .captions import exchange, keywords
from .seeing import learn_to_see
from .speaking import learn_to_speak
from .tokenizer import train_tokenizer, write_tokenizer

SEED = 1
SEEN = 80_000
SPOKEN_OF = 16_000
TEXTS = 6_000
"""Captions that the tokenizer is learnt from."""
THREADS = 2
"""Always the same: sums over more threads round differently."""
INITIAL_STD = 0.05
POSITION_SCALE = 0.3
"""Standard deviations at the start are those of small models, far above Phi-3's."""
SLOWEST = 30.0
"""Cells after which the slowest of the position embedding's waves has turned once."""


def pretrain(folder: Path, seen: int = SEEN, spoken_of: int = SPOKEN_OF) -> None:
    """Write the model, in the hub's layout, after that many pictures per stage."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    tokenizer = train_tokenizer(_texts())
    model = _untrained(tokenizer)
    learn_to_see(model, SEED, seen, _teller("seeing"))
    learn_to_speak(model, tokenizer, SEED + 1, spoken_of, _teller("speaking"))
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder, tokenizer)
    write_configuration(folder, tokenizer)
    weights = {
        name: tensor.to(torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _texts() -> list[str]:
    texts = []
    for number in range(TEXTS):
        rng = rng_for("captune embedded tokenizer", number)
        scene = pretraining_scene(SEED, number)
        for said in (exchange(scene, rng), keywords(scene)):
            texts += [said.answer, f"\n{said.prompt}"]
    return texts


def _untrained(tokenizer: Tokenizer) -> Phi3VForCausalLM:
    config = config_dict(tokenizer) | {"initializer_range": INITIAL_STD}
    del config["_attn_implementation"]
    model = Phi3VForCausalLM(Phi3VConfig(**config, attn_implementation="sdpa"))
    tower = model.model.vision_embed_tokens.img_processor
    tower.freeze_unused()
    _lay_out(tower.vision_model.embeddings.position_embedding)
    return model.train()


def _lay_out(positions: nn.Embedding) -> None:
    """Give neighbours in the picture similar embeddings: sines of row and column."""
    patches, width = positions.num_embeddings - 1, positions.embedding_dim
    side, waves = round(patches**0.5), width // 4
    frequency = SLOWEST ** -(torch.arange(waves) / waves)
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angles = [place.reshape(-1, 1) * frequency for place in (column, row)]
    pattern = [wave(angle) for angle in angles for wave in (torch.sin, torch.cos)]
    with torch.no_grad():
        positions.weight[1:] = torch.cat(pattern, dim=1) * POSITION_SCALE


def _teller(stage: str) -> Callable[[int, float], None]:
    start = time.monotonic()
    losses: list[float] = []

    def tell(step: int, loss: float) -> None:
        losses.append(loss)
        if step % 250 == 0:
            mean = sum(losses) / len(losses)
            minutes = (time.monotonic() - start) / 60
            line = f"{stage}  step {step}  loss {mean:.3f}  {minutes:.1f} min"
            print(line, file=sys.stderr, flush=True)
            losses.clear()

    return tell


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m captune_worker.embedded.pretrain",
        description="Train the model that comes with the package.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--seen", type=int, default=SEEN, help="pictures of the first stage"
    )
    parser.add_argument(
        "--spoken-of", type=int, default=SPOKEN_OF, help="pictures of the second"
    )
    arguments = parser.parse_args()
    pretrain(arguments.folder, arguments.seen, arguments.spoken_of)
    content = (arguments.folder / "model.safetensors").read_bytes()
    print(hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    main()
