"""Lesson kept_session: a session that a cache keeps alive."""

from app.lesson import Cure, Lesson, Scenario, Trap
from app.lessons.kept_session import after, before
from app.lessons.kept_session.shared import RECENT

lesson = Lesson(
    name="kept_session",
    title="A session kept by a cache",
    story="The list of orders that were looked at lately made the shop"
    " faster, until it stopped it. After a deployment all is well;"
    " then, the more orders people look at, the fewer connections there"
    " are. Restarts help, for a day.",
    mistake="a cache that keeps the session which its entries were read with",
    cure="keep values, and close the session",
    heals_by="never",
    source="sedona-db#71, where pytest's kept frames did the same",
    before=before.router,
    after=after.router,
    scenarios=(
        Scenario("an order that was looked at", "/orders/1/recent", leaks=1),
        Scenario(
            "an unknown order",
            "/orders/2147483647/recent",
            leaks=1,
            status=404,
        ),
    ),
    trap=Trap(
        "gc.collect() after every request",
        "the collector frees what nobody refers to, and the cache does",
        collects=True,
    ),
    other_cure=Cure(
        "a block that ends before the cache",
        "it closes the session, and the cache gets an order without one",
    ),
    hints=(
        (
            "Look at `/before/orders/1/recent` a few times, and then at"
            " `/poolwatch/loans`: nobody is at work, and the loans stay. Who"
            " could still know their sessions?"
        ),
        (
            "A connection is lent for as long as its session is open, and"
            " what somebody refers to lives on. See what is put into"
            " `RECENT`, and what comes along with it."
        ),
        (
            "Keep values: the session comes from `ReaderDep`, which closes"
            " it, and the cache gets the order alone."
        ),
    ),
    forget=RECENT.clear,
)
