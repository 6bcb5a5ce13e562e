"""What both variants share: the orders that were looked at lately."""

from collections import deque

RECENT: deque[object] = deque(maxlen=1000)
"""The newest; they stand for any cache, and nothing here reads them."""
