"""What changes and requests are made with: the database, read and written, and who is connected."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from mailtally_collector.order_watch import OrderWatch
from mailtally_collector.presence import Presence
from mailtally_collector.query_threads import QueryThreads
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import Transact

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Checked(Protocol[T_co]):
    """What can be checked on the reading side, and then written."""

    def check(self, sql: Sql) -> None:
        """Raise QueryError for what cannot be done."""

    def write(self, sql: Sql) -> T_co:
        """Do it, in the transaction that is open."""


@dataclass(frozen=True, slots=True)
class ControlMeans:
    """``sql`` reads, in ``threads``; ``transact`` writes; ``clock`` gives microseconds."""

    sql: Sql
    threads: QueryThreads
    transact: Transact
    watch: OrderWatch
    presence: Presence
    clock: Callable[[], int]

    async def read(self, question: Callable[..., T], *arguments: Any) -> T:
        """Ask a question whose first argument is ``sql``."""
        return await self.threads.run(question, self.sql, *arguments)

    async def change(self, what: Checked[T]) -> T:
        """Check and write, and have the orders looked at. Raises QueryError."""
        await self.threads.run(what.check, self.sql)
        written = await asyncio.to_thread(self.transact, what.write)
        self.watch.look_soon()
        return written
