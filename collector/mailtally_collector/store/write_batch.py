"""One batch into the tables: all of it, or nothing.

Gives     ``BatchStore.store``: work for the writer's transaction. Storing a batch again, in any
          chunking and order, changes nothing but the counters of what was known.
Order     1. Make sure of names, and read the messages that are meant.  2. Apply the records to them
          in memory.  3. Resolve links and classes.  4. Write what changed, and what roll-ups grew
          or shrank by.
Poison    A record that the database refuses is found by storing the batch again record by record,
          each in a savepoint, and goes to quarantine; the others are stored. An error of the
          database itself (locked, full disk) is not caught here: nothing is acknowledged then.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from peewee import Database, DataError, IntegrityError, InterfaceError

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.records import Poison, Record
from mailtally_collector.store.apply import Appliance
from mailtally_collector.store.flush import flush
from mailtally_collector.store.horizon import Horizons
from mailtally_collector.store.ids import Ids
from mailtally_collector.store.inheritance import Inheritance
from mailtally_collector.store.links import Links
from mailtally_collector.store.mails import Mails
from mailtally_collector.store.name_uses import note_uses
from mailtally_collector.store.quarantine import quarantine
from mailtally_collector.store.servers import (
    NEVER_NEW_US,
    OpenServer,
    count_batch,
    open_server,
    store_token,
)
from mailtally_collector.store.sql import Sql

logger = logging.getLogger(__name__)

REFUSALS = (IntegrityError, DataError, InterfaceError, OverflowError, UnicodeEncodeError)


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
        self._horizons = Horizons(self._sql)
        self._sweeping = False
        self._ids = Ids(self._sql)
        self._mails = Mails(self._sql, self._ids)
        self._links = Links(self._sql, self._mails)
        self._inheritance = Inheritance(self._mails)
        self._appliance = Appliance(self._sql, rules, self._mails, self._links)

    def forget(self) -> None:
        """Drop what is kept in memory about rows."""
        self._ids.forget()
        self._appliance.forget()
        self._mails.forget()
        self._links.forget()

    def store(
        self, server: str, records: Sequence[Record | Poison], token: bytes, now_us: int
    ) -> Stored:
        """Store the records of one batch, its token and its counts.

        1. The good records at once, in a savepoint.
        2. When the database refuses one, roll back to the savepoint and go record by record.
        3. What is poison goes to quarantine.
        """
        opened = open_server(self._sql, server, now_us)
        server_id = opened.id
        outlook = self._horizons.look(server_id)
        if outlook.has_moved:
            self.forget()
        self._sweeping = outlook.sweeping
        good = [record for record in records if isinstance(record, Record)]
        good, refused_count = self._horizons.divide(server_id, good, outlook.rows_us)
        self._horizons.note_refused(server_id, refused_count)
        poison = [record for record in records if isinstance(record, Poison)]
        try:
            with self._database.atomic():
                stored = self._store_all(opened, good)
        except REFUSALS as error:
            logger.warning('batch refused, trying each record server=%s reason="%s"', server, error)
            self.forget()
            stored, refused = self._store_each(opened, good)
            poison += refused
        fresh = [one for one in poison if quarantine(self._sql, server_id, one, now_us)]
        for one in fresh:
            logger.warning('record quarantined server=%s reason="%s"', server, one.reason)
        times = [record.key.time_us for record in good]
        count_batch(
            self._sql,
            server_id,
            newest_key_us=max(times, default=0),
            newest_line_us=max((one for one in times if one <= now_us), default=0),
            stored=stored,
            quarantined=len(fresh),
            now_us=now_us,
        )
        store_token(self._sql, server_id, token, now_us)
        return Stored(stored, len(records) - len(poison) - stored, len(poison))

    def _store_all(self, server: OpenServer, records: Sequence[Record]) -> int:
        """Store the records; how many were not known."""
        self._ids.make_sure(len(records))
        self._appliance.prepare(server.id, records, server.newest_key_us)
        stored = sum(self._appliance.apply(server.id, record) for record in records)
        self._links.settle()
        self._inheritance.settle()
        self._links.flush()
        flush(self._sql, self._mails.changed())
        if self._sweeping:
            note_uses(self._sql, self._mails.changed())
        self._mails.written()
        return stored

    def _store_each(
        self, server: OpenServer, records: Sequence[Record]
    ) -> tuple[int, list[Poison]]:
        """Store each record that can be stored; how many were not known, and the refused ones."""
        stored = 0
        refused = []
        # What the first of them stores is known to the others.
        server = OpenServer(server.id, NEVER_NEW_US)
        for record in records:
            try:
                with self._database.atomic():
                    stored += self._store_all(server, [record])
            except REFUSALS as error:
                self.forget()
                refused.append(Poison(f"refused by the database: {error}", record.raw))
        return stored, refused
