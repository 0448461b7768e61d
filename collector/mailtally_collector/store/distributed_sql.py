"""What postgres_sql.py does, where the tables are distributed by mail host (distribution.py).

Theory    A statement that names the one mail host whose rows it is about goes to one node, and
          others may write beside it. One that does not goes to all nodes, and when it changes rows
          all others that do so wait for its commit.
Locks     The row of a server is held until the coordinator has committed; the nodes are told after
          that. An advisory lock is held until they have all answered, so that who locks a server
          next sees all that was stored for it.
"""

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from peewee import Database, PostgresqlDatabase

from mailtally_collector.store.distribution import DISTRIBUTED
from mailtally_collector.store.postgres_sql import ServerSql
from mailtally_collector.store.sql import Sql

# Stands for servers among the advisory locks of two numbers.
SERVER_LOCKS = 0x6D61696F

T = TypeVar("T")


class DistributedDatabase(PostgresqlDatabase):
    """A database whose tables are distributed."""


class DistributedSql(ServerSql):
    """Runs statements in the transaction that is open on the database.

    ``server_id``  the mail host whose rows they are about; None for all of them.
    """

    def __init__(self, database: Database, server_id: int | None = None) -> None:
        super().__init__(database)
        self._server_id = server_id

    def by_server(
        self, rows: Iterable[T], server_of: Callable[[T], int]
    ) -> list[tuple[Sql, list[T]]]:
        """Cut rows by mail host; each part with what runs the statements about it."""
        parts: dict[int, list[T]] = {}
        for row in rows:
            parts.setdefault(server_of(row), []).append(row)
        return [(self.of_server(one), parts[one]) for one in sorted(parts)]

    def of_server(self, server_id: int) -> Sql:
        """Return what runs statements about the rows of one mail host."""
        return DistributedSql(self.database, server_id)

    def lock_servers(self, server_ids: Collection[int]) -> None:
        """Let no other collector store for these servers until all nodes have committed."""
        for server_id in sorted(server_ids):
            self.run("SELECT pg_advisory_xact_lock(?, ?)", (SERVER_LOCKS, server_id))
        super().lock_servers(server_ids)

    def _of_server(self, table: str) -> str:
        if self._server_id is None or table not in DISTRIBUTED:
            return ""
        return f" AND {table}.server_id = {self._server_id}"
