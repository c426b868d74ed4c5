"""A loaded model that answers: no data, no training, no scores.

The twin of ``sdk/serving``; started as ``python -m captune_worker.serving``.
"""
