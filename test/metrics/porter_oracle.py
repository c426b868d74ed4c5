"""Stems by nltk of the words on stdin and of all words in the sources of Python's standard library: JSON in, JSON out."""

import json
import pathlib
import re
import sys
import sysconfig

from nltk.stem.porter import PorterStemmer


def main() -> None:
    words = set(json.loads(sys.stdin.buffer.read()))
    for source in pathlib.Path(sysconfig.get_path("stdlib")).glob("*.py"):
        words.update(
            re.findall(r"[a-z0-9]+", source.read_text("utf-8", "replace").lower())
        )
    stemmer = PorterStemmer()
    sys.stdout.write(json.dumps([[word, stemmer.stem(word)] for word in sorted(words)]))


main()
