"""The Python side of captune: one process that loads, trains, predicts and saves what a resolved spec says."""
