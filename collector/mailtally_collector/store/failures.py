"""What an error of a database means: may the work be tried again, and what is said of it.

Limits    Of PostgreSQL only, where several write and connections go over a network. An error of
          SQLite is never of these kinds: who waits for its lock has waited already.
"""

from collections.abc import Iterator

import psycopg
from peewee import PeeweeException

# Deadlock, and another's change that the transaction cannot see.
CONFLICTS = ("40P01", "40001")
# Ended by an administrator, a crash, not up yet; or the server does not lead (any more), so that
# a new connection may find the one that does.
GONE = ("57P01", "57P02", "57P03", "25006")
CONNECTION_CLASS = "08"


def is_conflict(error: BaseException) -> bool:
    """Whether the database gave up the transaction for another's sake: it will do the next time."""
    return any(one.sqlstate in CONFLICTS for one in _of_driver(error))


def is_connection_lost(error: BaseException) -> bool:
    """Whether the connection is of no use any more, or was not made at all."""
    return any(
        isinstance(one, psycopg.OperationalError)
        if one.sqlstate is None
        else one.sqlstate in GONE or one.sqlstate.startswith(CONNECTION_CLASS)
        for one in _of_driver(error)
    )


def sentence(error: PeeweeException) -> str:
    """What the database says, in one line."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _of_driver(error: BaseException) -> Iterator[psycopg.Error]:
    """The driver's error that peewee's stands for."""
    link: BaseException | None = error
    while link is not None and not isinstance(link, psycopg.Error):
        link = link.__context__
    if link is not None:
        yield link
