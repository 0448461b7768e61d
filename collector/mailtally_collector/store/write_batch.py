"""One batch into the tables: all of it, or nothing.

Gives     ``BatchStore.store``: work for the writer's transaction. Storing a batch again, in any
          chunking and order, changes nothing but the counters of what was known.
Poison    A record that the database refuses is found by storing the batch again record by record,
          each in a savepoint, and goes to quarantine; the others are stored. An error of the
          database itself (locked, full disk) is not caught here: nothing is acknowledged then.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from peewee import Database, DataError, IntegrityError, InterfaceError

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.records import (
    Accepted,
    Attempt,
    Changed,
    Link,
    Poison,
    Record,
    SpamScore,
)
from mailtally_collector.store.deliveries import Deliveries
from mailtally_collector.store.inheritance import Inheritance
from mailtally_collector.store.links import Links
from mailtally_collector.store.messages import Messages
from mailtally_collector.store.names import Names
from mailtally_collector.store.quarantine import quarantine
from mailtally_collector.store.servers import count_batch, server_id_of, store_token
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.templates import Templates

logger = logging.getLogger(__name__)

REFUSALS = (IntegrityError, DataError, InterfaceError, OverflowError, UnicodeEncodeError)
UPDATE_SCORE = (
    "UPDATE message SET spam_us = ?, spam_hash = ?, spam_scanner = ?, spam_score = ?,"
    " spam_required = ?, spam_verdict = ? WHERE id = ?"
    " AND (spam_us IS NULL OR (spam_us, spam_hash) < (?, ?)) RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the records of a batch; together its length."""

    stored: int
    known: int
    quarantined: int


class BatchStore:
    """Writes batches. Used by the writer thread only; ``forget`` after each rollback."""

    def __init__(self, database: Database, rules: CurrentRules) -> None:
        self._database = database
        self._sql = Sql(database)
        self._names = Names(self._sql)
        self._templates = Templates(self._sql, rules)
        self._messages = Messages(self._sql)
        self._links = Links(self._sql, self._messages)
        self._inheritance = Inheritance(self._sql, self._messages)
        self._deliveries = Deliveries(
            self._sql, self._names, self._templates, self._messages, self._links
        )

    def forget(self) -> None:
        """Drop what is kept in memory about rows."""
        self._names.forget()
        self._templates.forget()
        self._messages.forget()
        self._links.forget()

    def store(
        self, server: str, records: Sequence[Record | Poison], token: bytes, now_us: int
    ) -> Stored:
        """Store the records of one batch, its token and its counts.

        1. The good records at once, in a savepoint.
        2. When the database refuses one, roll back to the savepoint and go record by record.
        3. What is poison goes to quarantine.
        """
        server_id = server_id_of(self._sql, server, now_us)
        good = [record for record in records if isinstance(record, Record)]
        poison = [record for record in records if isinstance(record, Poison)]
        try:
            with self._database.atomic():
                stored = self._store_all(server_id, good)
        except REFUSALS as error:
            logger.warning('batch refused, trying each record server=%s reason="%s"', server, error)
            self.forget()
            stored, refused = self._store_each(server_id, good)
            poison += refused
        fresh = [one for one in poison if quarantine(self._sql, server_id, one, now_us)]
        for one in fresh:
            logger.warning('record quarantined server=%s reason="%s"', server, one.reason)
        times = [record.key.time_us for record in good if record.key.time_us <= now_us]
        count_batch(
            self._sql,
            server_id,
            newest_us=max(times, default=0),
            stored=stored,
            quarantined=len(fresh),
            now_us=now_us,
        )
        store_token(self._sql, server_id, token, now_us)
        return Stored(stored, len(records) - len(poison) - stored, len(poison))

    def _store_all(self, server_id: int, records: Sequence[Record]) -> int:
        """Store the records; how many were not known."""
        stored = sum(self._store_record(server_id, record) for record in records)
        self._links.settle()
        self._inheritance.settle()
        self._messages.flush()
        return stored

    def _store_each(self, server_id: int, records: Sequence[Record]) -> tuple[int, list[Poison]]:
        """Store each record that can be stored; how many were not known, and the refused ones."""
        stored = 0
        refused = []
        for record in records:
            try:
                with self._database.atomic():
                    stored += self._store_all(server_id, [record])
            except REFUSALS as error:
                self.forget()
                refused.append(Poison(f"refused by the database: {error}", record.raw))
        return stored, refused

    def _store_record(self, server_id: int, record: Record) -> bool:
        """Store one record; False when it was known."""
        match record.what:
            case Accepted() as what:
                return self._accept(server_id, record, what)
            case Attempt() as what:
                return self._deliveries.store(server_id, record, what)
            case Changed() as what:
                return self._change(server_id, record, what)
            case Link() as what:
                return self._link(server_id, record, what)
            case SpamScore() as what:
                return self._score(server_id, record, what)

    def _accept(self, server_id: int, record: Record, what: Accepted) -> bool:
        message = self._messages.find(server_id, record.message)
        sender = self._names.address(what.envelope_sender)
        return self._messages.accept(message, record.key, what, sender)

    def _change(self, server_id: int, record: Record, what: Changed) -> bool:
        key = record.key
        if self._sql.has("message_event", server_id, key.time_us, key.line_hash):
            return False
        message = self._messages.find(server_id, record.message)
        self._sql.run(
            "INSERT INTO message_event (server_id, time_us, line_hash, message_id, change)"
            " VALUES (?, ?, ?, ?, ?)",
            (server_id, key.time_us, key.line_hash, message.id, what.change),
        )
        self._messages.refresh_end(message)
        return True

    def _link(self, server_id: int, record: Record, what: Link) -> bool:
        key = record.key
        if self._sql.has("message_link", server_id, key.time_us, key.line_hash):
            return False
        parent = self._messages.find(server_id, record.message)
        self._links.store(server_id, key, parent, what)
        return True

    def _score(self, server_id: int, record: Record, what: SpamScore) -> bool:
        """Keep the score of the newest line that tells one; False when it is not newer."""
        message = self._messages.find(server_id, record.message)
        key = (record.key.time_us, record.key.line_hash)
        row = self._sql.run(
            UPDATE_SCORE,
            (*key, what.scanner, what.score, what.required, what.verdict, message.id, *key),
        ).fetchone()
        return row is not None
