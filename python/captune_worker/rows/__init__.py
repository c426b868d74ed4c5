"""Rows: from the files people have to conversations the model can learn.

Knows the spec of the data and what pictures are called; nothing of tokens, torch or the
model.
"""

from .conversation import Message, Row
from .opening import SPLITS, demand_rows, read_splits
from .problems import DROPPED, BadRow, Problem, Problems, RowCode

__all__ = [
    "DROPPED",
    "SPLITS",
    "BadRow",
    "Message",
    "Problem",
    "Problems",
    "Row",
    "RowCode",
    "demand_rows",
    "read_splits",
]
