"""Lesson order_processor: two sessions where one would do."""

from app.lesson import Cure, Lesson, Scenario, Trap
from app.order_processor import after, before

lesson = Lesson(
    name="order_processor",
    title="Two sessions, an early exit, and a close that few paths reach",
    story="Whoever processes orders in bulk stops the whole shop. The orders"
    " that were processed are right, so all tests are green. A batch"
    " with broken orders in it, unknown ones or empty ones, stops it"
    " even sooner.",
    mistake="a session for each question, closed at the end or not at all",
    cure="one session from a dependency, and a row lock",
    heals_by="gc",
    source="write-up, section 5",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("an order", "/orders/1/process", leaks=1, method="POST"),
        Scenario(
            "an unknown order",
            "/orders/2147483647/process",
            leaks=1,
            status=404,
            method="POST",
        ),
        Scenario(
            "an order without items",
            "/orders/97/process",
            leaks=2,
            status=409,
            method="POST",
        ),
    ),
    trap=Trap(
        "a larger pool",
        "it takes as many more requests until it is empty",
        settings={"POOL_BUFFER": "20"},
    ),
    other_cure=Cure(
        "one session in an async with",
        "the block closes the one session there is, also where it is left"
        " by an error",
    ),
    hints=(
        (
            "Process an order, an unknown one (`/orders/2147483647/process`)"
            " and one without items (`/orders/97/process`). After each, count"
            " the loans in `/poolwatch/loans`: there are two lines to be"
            " found."
        ),
        (
            "Each session borrows a connection of its own. Of the three ways"
            " out, one closes the first session, and none the second. And"
            " between reading an order and storing its total, nothing keeps"
            " another request from doing the same."
        ),
        (
            "One session for the whole job, `SessionDep`, which closes"
            " however the handler ends. Ask all questions in it, and read the"
            " order with `LOCK_ORDER`, so that no two requests process it at"
            " once."
        ),
    ),
)
