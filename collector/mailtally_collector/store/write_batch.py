"""Batches into the tables: each as a whole, or not at all.

Gives     ``BatchStore.store``: work for the writer's transaction. Storing a batch again, in any
          chunking and order, changes nothing but the counters of what was known.
Order     1. Make sure of names, and read the messages that are meant.  2. Apply the records to them
          in memory.  3. Resolve links and classes.  4. Write what changed, and what roll-ups grew
          or shrank by.
Several   collectors may write to PostgreSQL at once. There names are made sure of before the
          transaction (``prepare``), servers are locked in it, and step 3 comes after it
          (settlement.py), because what others store at the same time cannot be seen before.
Poison    A record that the database refuses is found by halving its batch, each half in a savepoint
          of its own, and goes to quarantine; the others are stored. An error of the
          database itself (locked, full disk) is not caught here: nothing is acknowledged then.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from peewee import Database

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.records import Gap, Poison, Record
from mailtally_collector.store.apply import Appliance
from mailtally_collector.store.dialect import is_postgres, sql_for
from mailtally_collector.store.failures import REFUSALS, is_refusal, sentence
from mailtally_collector.store.flush import flush
from mailtally_collector.store.gaps import store_gaps
from mailtally_collector.store.horizon import Horizons, Outlook
from mailtally_collector.store.ids import Ids
from mailtally_collector.store.inheritance import Inheritance
from mailtally_collector.store.links import Links
from mailtally_collector.store.mails import Mails
from mailtally_collector.store.name_uses import note_uses
from mailtally_collector.store.partitions import Partitions
from mailtally_collector.store.quarantine import quarantine
from mailtally_collector.store.servers import (
    NEVER_NEW_US,
    OpenServer,
    count_batch,
    knows_token,
    open_servers,
    server_id_of,
    store_token,
)
from mailtally_collector.store.settlement import Settlement
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.vocabulary import Vocabulary

logger = logging.getLogger(__name__)


class ForgottenError(Exception):
    """The database does not hold the batch before, which was acknowledged: it went back in time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one server reported at once; ``now_us`` is when it came.

    ``follows``  the token of the batch before on its stream, b"" for none.
    """

    server: str
    records: Sequence[Record | Poison]
    token: bytes
    now_us: int
    gaps: Sequence[Gap | Poison] = ()
    follows: bytes = b""

    @property
    def good(self) -> list[Record]:
        """The records that can be stored, as far as ingest can tell."""
        return [record for record in self.records if isinstance(record, Record)]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the records of a batch; together its length."""

    stored: int
    known: int
    quarantined: int


Part = tuple[OpenServer, Sequence[Record]]


def check_followed(sql: Sql, server: str, server_id: int, follows: bytes) -> None:
    """Raise ForgottenError unless the token of a stream's last batch is known; b"" for none."""
    if follows and not knows_token(sql, server_id, follows):
        raise ForgottenError(
            f"the database went back in time: it does not know what {server} had acknowledged"
        )


class BatchStore:
    """Writes batches. Used by one writer thread only; ``forget`` after each rollback."""

    def __init__(self, database: Database, rules: CurrentRules) -> None:
        self._database = database
        self._sql = sql_for(database)
        self._ids = Ids(self._sql)
        self._vocabulary = Vocabulary(self._sql, rules)
        self._mails = Mails(self._sql, self._ids)
        self._links = Links(self._sql, self._mails)
        self._inheritance = Inheritance(self._mails)
        self._appliance = Appliance(self._vocabulary, self._mails, self._links)
        self._named: set[bytes] = set()
        self._server_ids: dict[str, int] = {}
        self._batches: dict[int, int] = {}
        self._horizons = Horizons(self._sql)
        # Streams whose last batch is known to be there: server, and length of its tokens.
        self._followed: set[tuple[str, int]] = set()
        self._sweeping = False
        self._partitions = Partitions(self._sql) if is_postgres(database) else None
        self._settlement = Settlement(database) if is_postgres(database) else None

    def forget(self) -> None:
        """Drop what is kept in memory about rows."""
        self._ids.forget()
        self._vocabulary.forget()
        self._mails.forget()
        self._links.forget()
        self._named.clear()
        self._server_ids.clear()
        self._batches.clear()
        self._followed.clear()
        if self._settlement:
            self._settlement.forget()

    def prepare(self, batches: Sequence[Batch]) -> None:
        """Where others write too, make sure of names in short statements before the transaction.

        Servers are looked up anew for each transaction: one may have been renamed.
        """
        self._server_ids.clear()
        if self._partitions is None:
            return
        parts = [(self._server_id(batch), batch.good) for batch in batches]
        self._ids.make_sure(sum(len(records) for _, records in parts))
        self._partitions.make_sure(
            {record.message.arrival_us for _, records in parts for record in records},
            max((batch.now_us for batch in batches), default=0),
        )
        self._look([])
        try:
            self._vocabulary.make_sure(_records(parts))
            self._named = {batch.token for batch in batches}
        except REFUSALS as error:
            if not is_refusal(error):
                raise
            self._vocabulary.forget()  # store() finds out which record it is

    def store(self, batches: Sequence[Batch]) -> list[Stored]:
        """Store batches with their tokens and counts; what became of each.

        1. All good records at once, in a savepoint.
        2. When the database refuses one, roll back to the savepoint; a single batch is halved until
           the record is found, of several raise: the caller tries each alone.
        3. What is poison goes to quarantine.

        Raises ForgottenError.
        """
        self._check_followed(batches)
        opened = self._open({self._server_id(batch): batch.server for batch in batches})
        parts = self._young([(opened[self._server_id(batch)], batch.good) for batch in batches])
        refused: list[Poison] = []
        try:
            with self._database.atomic():
                if not all(batch.token in self._named for batch in batches):
                    self._vocabulary.make_sure(
                        _records((one.id, records) for one, records in parts)
                    )
                counts = self._store_all(parts, batches[0].now_us)
        except REFUSALS as error:
            if len(batches) > 1 or not is_refusal(error):
                raise
            logger.warning('batch refused, looking for the record reason="%s"', sentence(error))
            self.forget()
            counts, refused = self._store_halves(*parts[0], batches[0].now_us)
        done = [
            self._finish(batch, part, count, refused)
            for batch, part, count in zip(batches, parts, counts, strict=True)
        ]
        for server in opened.values():
            mine = sum(part.id == server.id for part, _ in parts)
            self._batches[server.id] = server.batches + mine
        return done

    def _check_followed(self, batches: Sequence[Batch]) -> None:
        """Make sure, after each new connection, that nothing is missing before these batches.

        Another server may lead by then, which never saw what was acknowledged last.
        """
        for batch in batches:
            stream = (batch.server, len(batch.token))
            if stream in self._followed:
                continue
            check_followed(self._sql, batch.server, self._server_id(batch), batch.follows)
            self._followed.add(stream)

    def settle(self) -> None:
        """After the commit, resolve what depends on others; in transactions of its own."""
        if self._settlement:
            self._settlement.settle()

    def sweep(self, now_us: int) -> int:
        """Resolve, in the transaction that is open, what killed collectors left; how many batches.

        One call takes a bounded number.
        """
        return self._settlement.sweep(now_us) if self._settlement else 0

    def _open(self, names: dict[int, str]) -> dict[int, OpenServer]:
        """Lock the servers; what is in memory of one for which others wrote is dropped.

        Of one that was not open before, there may be messages that were read beside another's.
        """
        opened = {server.id: server for server in open_servers(self._sql, names)}
        for server in opened.values():
            if self._batches.get(server.id) != server.batches:
                self._mails.forget_server(server.id)
        return opened

    def _look(self, server_ids: Sequence[int]) -> Outlook:
        """Look at what retention did; rows in memory that may be gone are dropped."""
        outlook = self._horizons.look(server_ids)
        if outlook.has_moved:
            self._vocabulary.forget()
            self._mails.forget()
            self._named.clear()
        return outlook

    def _young(self, parts: Sequence[Part]) -> list[Part]:
        """Leave out records from before the horizon of retention, and count them."""
        outlook = self._look([server.id for server, _ in parts])
        self._sweeping = outlook.sweeping
        young: list[Part] = []
        for server, records in parts:
            kept, refused = self._horizons.divide(server.id, records, outlook.of(server.id))
            if refused:
                self._horizons.note_refused(server.id, refused)
            young.append((server, kept))
        return young

    def _server_id(self, batch: Batch) -> int:
        if batch.server not in self._server_ids:
            found = server_id_of(self._sql, batch.server, batch.now_us)
            self._server_ids[batch.server] = found
        return self._server_ids[batch.server]

    def _store_all(self, parts: Sequence[Part], now_us: int) -> list[int]:
        """Store the records; how many of each part were not known."""
        self._ids.make_sure(sum(len(records) for _, records in parts))
        for server, records in parts:
            self._appliance.prepare(server.id, records, server.newest_key_us)
        counts = [
            sum(self._appliance.apply(server.id, record) for record in records)
            for server, records in parts
        ]
        if self._settlement is None:
            self._links.settle()
            self._inheritance.settle()
        else:
            self._settlement.note(self._mails, now_us)
        self._links.flush()
        flush(self._sql, self._mails.changed())
        if self._sweeping:
            note_uses(self._sql, self._mails.changed())
        self._mails.written()
        return counts

    def _store_halves(
        self, server: OpenServer, records: Sequence[Record], now_us: int
    ) -> tuple[list[int], list[Poison]]:
        """Store the records that can be, in order; how many were not known, and those refused."""
        stored = 0
        refused = []
        # What the first of them stores is known to the others.
        server = OpenServer(server.id, NEVER_NEW_US, server.batches)
        waiting = _halves(records)
        while waiting:
            part = waiting.pop()
            try:
                with self._database.atomic():
                    self._vocabulary.make_sure((server.id, record) for record in part)
                    stored += self._store_all([(server, part)], now_us)[0]
            except REFUSALS as error:
                if not is_refusal(error):
                    raise
                self.forget()
                if len(part) > 1:
                    waiting += _halves(part)
                else:
                    why = f"refused by the database: {sentence(error)}"
                    refused.append(Poison(why, part[0].raw()))
        return [stored], refused

    def _finish(self, batch: Batch, part: Part, stored: int, refused: Sequence[Poison]) -> Stored:
        """Put poison into quarantine, and write the batch's gaps, token and counts."""
        server_id = part[0].id
        poison = [one for one in batch.records if isinstance(one, Poison)] + list(refused)
        set_aside = [*poison, *(one for one in batch.gaps if isinstance(one, Poison))]
        fresh = [one for one in set_aside if quarantine(self._sql, server_id, one, batch.now_us)]
        for one in fresh:
            logger.warning('record quarantined server=%s reason="%s"', batch.server, one.reason)
        gaps = [one for one in batch.gaps if isinstance(one, Gap)]
        store_gaps(self._sql, batch.server, server_id, gaps, batch.now_us)
        times = [record.key.time_us for record in batch.good]
        count_batch(
            self._sql,
            server_id,
            newest_key_us=max(times, default=0),
            newest_line_us=max((one for one in times if one <= batch.now_us), default=0),
            oldest_line_us=min((record.key.time_us for record in part[1]), default=0),
            stored=stored,
            quarantined=len(fresh),
            now_us=batch.now_us,
        )
        store_token(self._sql, server_id, batch.token, batch.now_us)
        return Stored(stored, len(batch.records) - len(poison) - stored, len(poison))


def _records(parts: Iterable[tuple[int, Sequence[Record]]]) -> Iterable[tuple[int, Record]]:
    return ((server_id, record) for server_id, records in parts for record in records)


def _halves(records: Sequence[Record]) -> list[Sequence[Record]]:
    """Cut in two, the later half first; what is one stays one."""
    middle = len(records) // 2
    return [half for half in (records[middle:], records[:middle]) if half]
