"""A database under test: stores records without a network, and shows what the tables hold."""

import secrets
from collections.abc import Iterable, Sequence

from mailtally.v1 import ingest_pb2
from mailtally.v1 import record_pb2 as pb
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.ingest_codec import decode_gap, decode_record
from mailtally_collector.query.event import Event
from mailtally_collector.query.event_keys import order_of
from mailtally_collector.query.events import list_events
from mailtally_collector.query.filters import Filter, select
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.summary import Summary, summarise
from mailtally_collector.store.database import (
    close_reading,
    migrate,
    open_for_reading,
    open_for_writing,
)
from mailtally_collector.store.dialect import sql_for, writing
from mailtally_collector.store.location import Location
from mailtally_collector.store.write_batch import Batch, BatchStore, Stored
from tests.integration.collector.dump import dump
from tests.integration.collector.reports import SECOND, T0

EVERYTHING = Scope.everything()
BY_LAST_TRY = order_of(0, ascending=False)
NOW = T0 + 3_600 * SECOND


class Tables:
    """One database."""

    def __init__(self, location: Location, rules: CurrentRules | None = None) -> None:
        self.location = location
        migrate(location)
        self.database = open_for_writing(location)
        self.sql = sql_for(self.database)
        self.batches = BatchStore(self.database, rules or CurrentRules(None))
        self.reader = open_for_reading(location)

    def store(
        self,
        records: Iterable[pb.Record],
        server: str = "mx1",
        *,
        gaps: Iterable[ingest_pb2.Gap] = (),
        now_us: int = NOW,
    ) -> Stored:
        """Store one batch, as the writer does."""
        decoded = [decode_record(record, now_us) for record in records]
        found = [decode_gap(gap, now_us) for gap in gaps]
        batch = Batch(server, decoded, secrets.token_bytes(16), now_us, found)
        self.database.connect(reuse_if_open=True)
        self.batches.prepare([batch])
        with writing(self.database):
            (stored,) = self.batches.store([batch])
        self.batches.settle()
        return stored

    def summary(self, asked: Filter = Filter(), bucket: int = 0) -> Summary:  # noqa: B008 - frozen
        """Answer a summary."""
        return summarise(self.reader, EVERYTHING, select(asked, NOW), bucket, "UTC")

    def states(self, asked: Filter = Filter()) -> dict[int, int]:  # noqa: B008 - frozen
        """Recipients by state, those that are zero left out."""
        return self.summary(asked).total.by_state

    def events(self, asked: Filter = Filter()) -> list[Event]:  # noqa: B008 - frozen
        """All events on one page."""
        page = list_events(
            self.reader, EVERYTHING, asked, BY_LAST_TRY, token="", size=1000, now_us=NOW
        )
        return page.events

    def dump(self) -> list[str]:
        """Everything that must not depend on the order of arrival."""
        return dump(self.sql)

    def column(self, statement: str, values: Sequence[object] = ()) -> list[object]:
        """Run a statement with one column."""
        return [value for (value,) in self.sql.run(statement, values).fetchall()]

    def close(self) -> None:
        """Close both connections."""
        self.database.close()
        close_reading(self.reader)
