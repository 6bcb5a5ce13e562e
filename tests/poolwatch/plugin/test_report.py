"""The report of the leaks, and where the plugin comes from."""

import pytest

from tests.poolwatch.plugin.conftest import CARELESS, Suite

pytest_plugins = ["pytester"]


def test_the_report_says_who_holds_what_since_when(suite: Suite) -> None:
    run = suite.run(
        """
        def borrow():
            kept.append(engine.connect())  # LEAK

        def test_leaks():
            borrow()
        """
    )
    (leaks,) = run.report
    (loan,) = leaks.pop("loans")
    (line,) = run.marked
    assert leaks == {
        "nodeid": "test_shop.py::test_leaks",
        "who": "test_leaks",
        "allowed": None,
        "sites": [f"{line} borrow"],
    }
    assert (loan["kind"], loan["borrower"]) == ("leak", "test_leaks")
    assert (loan["pool"], loan["pid"] > 0) == ("SQLAlchemy", True)
    assert loan["stack"][0] == f"{line} borrow"
    assert loan["stack"][1].endswith(" test_leaks")
    assert 0 <= loan["seconds"] < 60


@pytest.mark.slow
@pytest.mark.parametrize("end", ["raise KeyboardInterrupt", "os._exit(3)"])
def test_the_report_is_there_however_the_run_ends(
    suite: Suite, end: str
) -> None:
    run = suite.run(
        f"""
        def test_leaks():
            kept.append(engine.connect())  # LEAK

        def test_ends_the_run():
            {end}
        """
    )
    assert [leaks["who"] for leaks in run.report] == ["test_leaks"]


def test_the_summary_names_the_line(suite: Suite) -> None:
    run = suite.run(
        """
        from tests.poolwatch.plugin.web import get

        @pytest.mark.parametrize("number", range(3))
        def test_careless(number):
            assert get("/careless") == 1
        """
    )
    assert f"3 × {CARELESS} careless, in 3 tests" in run.output


@pytest.mark.slow
def test_workers_of_xdist_send_their_leaks(suite: Suite) -> None:
    pytest.importorskip("xdist")
    run = suite.run(
        """
        from tests.poolwatch.plugin.web import get

        @pytest.mark.parametrize("number", range(4))
        def test_careless(number):
            assert get("/careless") == 1
        """,
        *("-p", "xdist.plugin", "-n", "2"),
    )
    assert run.outcomes == {"passed": 4, "errors": 4}
    assert len(run.report) == 4
    assert f"4 × {CARELESS} careless, in 4 tests" in run.output


@pytest.mark.slow
def test_being_installed_and_named_is_being_loaded_once(suite: Suite) -> None:
    """Both name it alike, so pytest sees one plugin."""
    installed = suite.pytester.mkdir("poolwatch-1.dist-info")
    (installed / "METADATA").write_text("Name: poolwatch\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(
        "[pytest11]\npoolwatch.pytest_plugin = poolwatch.pytest_plugin\n"
    )
    suite.pytester.makeconftest("pytest_plugins = ['poolwatch.pytest_plugin']")
    suite.pytester.syspathinsert()
    run = suite.run(
        """
        def test_leaks():
            kept.append(engine.connect())  # LEAK
        """
    )
    assert run.outcomes == {"passed": 1, "errors": 1}
    assert len(run.report) == 1
