"""`/poolwatch/leaks`, as the service mounts it."""

from poolwatch import Ledger, Reporter
from poolwatch.pages.process import ThisProcess
from poolwatch.pools.ledger_gauge import UncountedGauge
from tests.conftest import Service
from tests.poolwatch.pages import leak, leaks


async def test_counts_leaks_by_their_line(service: Service) -> None:
    for _ in range(2):
        await leak(service)
    await leak(service, "/before/orders")

    counted = {
        row["borrower"]: row["leaks"]
        for row in (await leaks(service))["sites"]
    }
    assert counted == {
        "GET /before/orders/{order_id}": 2,
        "GET /before/orders": 1,
    }


async def test_shows_findings_the_newest_first(service: Service) -> None:
    await leak(service)
    await leak(service, "/before/orders")

    found = [row["finding"] for row in (await leaks(service))["findings"]]
    assert [finding["kind"] for finding in found] == ["leak", "leak"]
    assert [finding["borrower"] for finding in found] == [
        "GET /before/orders",
        "GET /before/orders/{order_id}",
    ]


async def test_counts_what_was_found_too_long_ago_to_be_shown() -> None:
    ledger, reporter = Ledger(), Reporter(remember=1)
    ledger.listeners.append(reporter)
    book = ledger.open_book("orders", UncountedGauge())
    for slot in range(3):
        with ledger.borrower("job"):
            book.record_checkout(slot, pid=None)
    page = await ThisProcess(ledger, reporter).leaks()
    assert len(page.findings) == 1
    [site] = page.sites
    assert (site.borrower, site.leaks) == ("job", 3)
