"""Scores and tokens by the package rouge-score: JSON on stdin, JSON on stdout."""

import json
import sys

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer, tokenize

TYPES = ["rouge1", "rouge2", "rouge3", "rouge4", "rougeL", "rougeLsum"]


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    stemmer = PorterStemmer()
    answer = {
        "tokens": [tokenize.tokenize(text, None) for text in request["texts"]],
        "stems": [tokenize.tokenize(text, stemmer) for text in request["texts"]],
        "plain": score(request["pairs"], use_stemmer=False),
        "stemmed": score(request["pairs"], use_stemmer=True),
    }
    sys.stdout.write(json.dumps(answer))


def score(pairs: list, use_stemmer: bool) -> list:
    scorer = rouge_scorer.RougeScorer(TYPES, use_stemmer=use_stemmer)
    return [
        {
            kind: {
                "precision": float(s.precision),
                "recall": float(s.recall),
                "fmeasure": float(s.fmeasure),
            }
            for kind, s in scorer.score_multi(
                pair["references"], pair["prediction"]
            ).items()
        }
        for pair in pairs
    ]


main()
