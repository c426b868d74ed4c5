"""What a run came to, in the forms in which others load it: an adapter, or a model."""
