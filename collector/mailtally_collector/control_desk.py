"""The parts of a collector that pass orders to agents, made and ended together.

Gives     ``ControlDesk``: the watch that streams of agents ask, and the service that takes orders.
Threads   Of its own: orders do not wait for long questions.
"""

from collections.abc import Callable

from peewee import Database

from mailtally_collector.control_means import ControlMeans
from mailtally_collector.control_service import ControlService
from mailtally_collector.order_watch import OrderWatch
from mailtally_collector.people.callers import Callers
from mailtally_collector.presence import Presence
from mailtally_collector.query_threads import QueryThreads
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.transact import Transact

THREADS = 2


class ControlDesk:
    """Reads on ``database``, which the caller closes, and writes by ``transact``."""

    def __init__(
        self,
        database: Database,
        transact: Transact,
        presence: Presence,
        clock: Callable[[], int],
        callers: Callers,
    ) -> None:
        sql = sql_for(database)
        self._threads = threads = QueryThreads(database, THREADS)
        self.watch = watch = OrderWatch(sql, threads, clock)
        self.means = ControlMeans(sql, threads, transact, watch, presence, clock)
        self.service = ControlService(self.means, callers)

    async def close(self) -> None:
        """Pass on nothing more."""
        await self.watch.stop()
        self._threads.close()
