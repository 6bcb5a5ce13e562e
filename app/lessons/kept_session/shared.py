"""Shared by both variants: the cache of recent orders."""

from collections import deque

RECENT: deque[object] = deque(maxlen=1000)
"""The newest orders. It stands for any cache; nothing here reads it."""
