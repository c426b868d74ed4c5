"""The model that comes with the package: a tiny Phi-3-vision, and how it was made."""
