"""How far back records are taken: what retention deleted must not come back, nor count twice.

Theory    A record whose line is older than its server's horizon is refused. A message goes only
          when all its lines are older than that (retention.py), so that a line which is young
          enough finds its message, and is known there as ever. One case is left: a message that was
          in the queue for so long without a line that it went unfinished. Its late lines name a
          message that arrived before the horizon and is not stored; they are refused too.
Gives     ``Horizons`` for the batches of one process: ``look``, then ``divide``.
Limits    The horizon stands in the database and moves in transactions that delete, so that it holds
          for every collector and after any change of the configuration. Where several collectors
          write at once, batches hold a shared lock on the row that ``look`` reads until they end.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailtally_collector.records import Record
from mailtally_collector.store.message_row import COLUMNS, MessageRow, choose_message
from mailtally_collector.store.sql import Sql

SELECT = "SELECT deletions, sweeping FROM retention WHERE id = 1"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What batches must know: ``has_moved`` when rows in memory may be gone since the last look."""

    sweeping: bool
    has_moved: bool
    horizons_us: dict[int, int]

    def of(self, server_id: int) -> int:
        """Return the moment before which records of a server are refused."""
        return self.horizons_us.get(server_id, 0)


class Horizons:
    """Looks at the horizon, once for each transaction of batches."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._deletions = 0

    def look(self, server_ids: Collection[int]) -> Outlook:
        """Read what holds for the records of these servers, until the transaction ends."""
        deletions, sweeping = self._sql.run(self._sql.shared(SELECT)).fetchone()
        has_moved = deletions != self._deletions
        self._deletions = deletions
        wanted = {(one,) for one in server_ids}
        found = self._sql.find("horizon", ("server_id", "rows_us"), ("server_id",), wanted)
        return Outlook(bool(sweeping), has_moved, dict(found))

    def divide(
        self, server_id: int, records: Sequence[Record], rows_us: int
    ) -> tuple[list[Record], int]:
        """Return the records that can be taken, and count those that are too old."""
        young = [one for one in records if one.key.time_us >= rows_us]
        doubtful = [one for one in young if one.message.arrival_us < rows_us]
        if doubtful:
            gone = self._unknown(server_id, doubtful)
            young = [one for one in young if one not in gone]
        return young, len(records) - len(young)

    def note_refused(self, server_id: int, count: int) -> None:
        """Count records that were too old."""
        self._sql.run(
            "UPDATE horizon SET refused = refused + ? WHERE server_id = ?", (count, server_id)
        )

    def _unknown(self, server_id: int, records: Sequence[Record]) -> set[Record]:
        """Return the records whose message is not stored."""
        queue_ids = {(one.message.queue_id,) for one in records}
        stored: dict[tuple[str, str], list[MessageRow]] = {}
        names: dict[int, str] = dict(
            self._sql.run(
                "SELECT id, name FROM instance WHERE server_id = ?", (server_id,)
            ).fetchall()
        )
        for columns in self._sql.find("message", COLUMNS, ("queue_id",), queue_ids):
            row = MessageRow(*columns)
            if row.instance_id in names:
                stored.setdefault((names[row.instance_id], row.queue_id), []).append(row)
        return {
            one
            for one in records
            if choose_message(
                stored.get((one.message.instance, one.message.queue_id), []), one.message
            )
            is None
        }
