"""Draw splits: python -m captune_worker.airplanes FOLDER [--split test] [--seed N] [--count N]"""

import argparse
import sys
from pathlib import Path

from .dataset import write_split
from .scene import SPLITS, STANDARD_SEED


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m captune_worker.airplanes", description="Draw airplane pictures."
    )
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="each split becomes a folder in it"
    )
    parser.add_argument("--split", choices=SPLITS, help="only this one (default: all)")
    parser.add_argument("--seed", type=int, default=STANDARD_SEED)
    parser.add_argument(
        "--count",
        type=int,
        help="pictures per split (default: as many as the standard split has)",
    )
    arguments = parser.parse_args()
    for split in [arguments.split] if arguments.split else SPLITS:
        try:
            print(write_split(arguments.folder, split, arguments.seed, arguments.count))
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
