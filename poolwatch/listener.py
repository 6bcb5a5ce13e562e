"""Who may read along in a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwatch.book import Book
    from poolwatch.loan import Ending, Loan


class Listener:
    """Told of what happens, as it happens; must not block.

    A base class whose methods do nothing: override those of interest. They
    are called by whichever thread borrows or gives back, and by the garbage
    collector too, in the middle of anything: `ended` for a loan it reclaims,
    `waited` for a task it drops. What they raise is logged and goes no
    further.
    """

    def opened(self, book: Book) -> None:
        """A pool is watched from now on."""

    def waited(self, book: Book, seconds: float) -> None:
        """A borrower waited so long, with or without success."""

    def timed_out(self, book: Book) -> None:
        """A borrower went away without a connection."""

    def connected(self, book: Book, seconds: float) -> None:
        """A new connection to the server took so long."""

    def leaked(self, loan: Loan) -> None:
        """A borrower ended, and its loan is still open."""

    def overdue(self, loan: Loan) -> None:
        """A loan is open for long, and its borrower lives."""

    def ended(self, loan: Loan, how: Ending) -> None:
        """A loan has ended."""
