"""The request mix: which requests the load sends, each as likely as another.

A scenario names one order, because `check` counts what one request does. The
load sends it for many orders, so that requests do not queue at one row lock.
"""

import re
from collections.abc import Sequence
from random import Random

from app.api import SERVICE
from app.database.seed import EMPTY_EVERY, ORDERS
from app.lesson import Lesson, Scenario

EMPTY_ORDERS = range(EMPTY_EVERY, ORDERS + 1, EMPTY_EVERY)
FILLED_ORDERS = [
    number for number in range(1, ORDERS + 1) if number % EMPTY_EVERY
]
"""Orders that have items and can be processed."""
SAME_KIND = {"1": FILLED_ORDERS, str(EMPTY_EVERY): EMPTY_ORDERS}
"""The two orders that scenarios name, and the orders that can replace them."""
_ORDER = re.compile(rf"(?<=/orders/)({'|'.join(SAME_KIND)})(?=/|$)")


def draw(
    random: Random, lessons: Sequence[Lesson] = SERVICE
) -> tuple[Lesson, Scenario, str]:
    """Draw a lesson's scenario, and the path to request."""
    scenarios = [(card, each) for card in lessons for each in card.scenarios]
    lesson, scenario = random.choice(scenarios)
    return lesson, scenario, with_any_order(scenario.path, random)


def with_any_order(path: str, random: Random) -> str:
    """Replace the order in a path by a random one of the same kind."""
    return _ORDER.sub(
        lambda name: str(random.choice(SAME_KIND[name[0]])), path
    )
