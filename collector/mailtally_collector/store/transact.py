"""Running a piece of work in a transaction, wherever it is to run.

Gives     ``Transact``: what periodic jobs write through. In a collector that is the writer
          (``Store.transact``), so that batches go on between their steps; ``transact_on`` is for a
          command beside it.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from peewee import Database

from mailtally_collector.store.dialect import sql_for, writing
from mailtally_collector.store.sql import Sql

T = TypeVar("T")


class Transact(Protocol):
    """Runs the work and returns its result after the commit. Raises what could not be done."""

    def __call__(self, work: Callable[[Sql], T], /) -> T:
        """Run it."""


def transact_on(database: Database) -> Transact:
    """Run works on a connection of the caller's own; it must be connected."""

    def transact(work: Callable[[Sql], T], /) -> T:
        with writing(database):
            return work(sql_for(database))

    return transact
