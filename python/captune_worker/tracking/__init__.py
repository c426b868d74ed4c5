"""Tells trackers every loss and every score; nothing they do reaches training."""

from .tracking import Tracking

__all__ = ["Tracking"]
