"""A cluster with Citus of the tests' own: a coordinator and two workers on one machine.

Needs     The extension citus for the PostgreSQL server that is installed; no package of Debian
          has it (github.com/citusdata/citus).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from mailtally_collector.distribute_tables import distribute_tables
from mailtally_collector.store.location import Location, location_of
from tests.postgres.emptying import AS_NEW
from tests.postgres.server import PORT, PostgresServer

WORKERS = 2
# Few shards: every test makes a database with all of them.
OPTIONS = (
    *("-c", "fsync=off", "-c", "shared_preload_libraries=citus"),
    *("-c", "max_prepared_transactions=100", "-c", "citus.shard_count=4"),
)
MISSING = (
    "Citus is missing: the tests of distributed tables need the extension citus"
    " for the PostgreSQL server that is installed"
)


def has_citus(server: PostgresServer) -> bool:
    """Whether the extension is installed for a running server."""
    known = "SELECT count(*) FROM pg_available_extensions WHERE name = 'citus'"
    return server.psql("postgres", known).strip() == "1"


class CitusCluster:
    """Three servers; ``start`` them, ask for databases, ``remove`` them."""

    def __init__(self, *options: str) -> None:
        self.coordinator = PostgresServer(*OPTIONS, *options)
        self.workers = [PostgresServer(*OPTIONS, *options) for _ in range(WORKERS)]
        self.nodes = [self.coordinator, *self.workers]
        self._numbers = count(1)
        self._free: list[Location] = []

    def start(self) -> None:
        """Make and start all of them."""
        for node in self.nodes:
            node.create()
            node.start()

    def remove(self) -> None:
        """Stop and remove all of them."""
        for node in self.nodes:
            node.remove()

    @contextmanager
    def distributed(self) -> Iterator[Location]:
        """A database whose tables are distributed and empty; used again, for it takes seconds."""
        location = self._free.pop() if self._free else location_of(self.new_database())
        distribute_tables(location, quiet=True)
        try:
            yield location
        finally:
            self._empty(self.name_of(str(location)))
            self._free.append(location)

    def _empty(self, name: str) -> None:
        for statement in AS_NEW:
            self.coordinator.psql(name, statement)

    def new_database(self) -> str:
        """Make a database on each node, which know one another; its URI."""
        name = f"spread{next(self._numbers)}"
        for node in self.nodes:
            node.psql("postgres", f"CREATE DATABASE {name}")
            node.psql(name, "CREATE EXTENSION citus")
        folder = self.coordinator.folder
        self.coordinator.psql(name, f"SELECT citus_set_coordinator_host('{folder}', {PORT})")
        for worker in self.workers:
            self.coordinator.psql(name, f"SELECT citus_add_node('{worker.folder}', {PORT})")
        return self.coordinator.uri(name)

    def drop(self, uri: str) -> None:
        """Drop a database on each node."""
        for node in self.nodes:
            node.drop(node.uri(self.name_of(uri)))

    def name_of(self, uri: str) -> str:
        """Return the name of a database."""
        return uri.partition("@/")[2].partition("?")[0]
