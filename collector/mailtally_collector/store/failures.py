"""What an error of a database means: is a record at fault, may it be tried again, what to say.

Limits    Conflicts and lost connections are PostgreSQL's, where several write and connections go
          over a network. Of SQLite nothing is tried again: who waits for its lock has waited.
"""

from collections.abc import Iterator

import psycopg
from peewee import DataError, IntegrityError, InterfaceError, OperationalError

# Errors that may mean that a record cannot be stored; ``is_refusal`` tells.
REFUSALS = (
    *(IntegrityError, DataError, InterfaceError, OverflowError, UnicodeEncodeError),
    OperationalError,
)
# A value is longer than an index takes, and the like.
LIMIT_CLASS = "54"
# Deadlock, and another's change that the transaction cannot see.
CONFLICTS = ("40P01", "40001")
# Ended by an administrator, a crash, not up yet; or the server does not lead (any more), so that
# a new connection may find the one that does.
GONE = ("57P01", "57P02", "57P03", "25006")
CONNECTION_CLASS = "08"
# What the end of a transaction meets after that: true, and not why.
CLOSED = "the connection is closed"


def is_refusal(error: BaseException) -> bool:
    """Whether one of REFUSALS is the record's fault, and no trouble of the database itself."""
    if isinstance(error, OperationalError):
        return any((one.sqlstate or "").startswith(LIMIT_CLASS) for one in _of_driver(error))
    return isinstance(error, REFUSALS)


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


def sentence(error: Exception) -> str:
    """What the database says, in one line; of a lost connection, what was said when it broke."""
    told: BaseException = error
    while str(told) == CLOSED and told.__context__ is not None:
        told = told.__context__
    text = " ".join(str(told).split())
    return text or type(error).__name__


def _of_driver(error: BaseException) -> Iterator[psycopg.Error]:
    """The driver's error that peewee's stands for."""
    link: BaseException | None = error
    while link is not None and not isinstance(link, psycopg.Error):
        link = link.__context__
    if link is not None:
        yield link
