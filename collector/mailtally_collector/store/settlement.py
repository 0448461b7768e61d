"""Links and classes where several collectors write: resolved after the commit of what stirred them.

Theory of operation
    Two transactions that store a link and its child at the same time do not see one another. So the
    batch's transaction notes which messages it stirred (``unsettled``), and after its commit links
    are resolved in a transaction of its own: of two, the one that looks later sees both. A lock
    lets one collector at a time resolve; servers whose messages change are locked as for a batch.
    When a collector is killed in between, what it noted is taken up by ``sweep``.

Limits    Most messages lead nowhere and come from nowhere. This is found by two look-ups, without
          reading messages.
"""

import logging
import struct
from collections.abc import Iterable

from peewee import Database, PeeweeException

from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.flush import flush
from mailtally_collector.store.ids import Ids
from mailtally_collector.store.inheritance import Inheritance
from mailtally_collector.store.links import Links, concerns
from mailtally_collector.store.mails import Mails, Stirred
from mailtally_collector.store.servers import note_rewritten
from mailtally_collector.store.sql import Row

logger = logging.getLogger(__name__)

# The number of the lock; any number that nobody else uses.
SETTLE_LOCK = 0x6D61696D
LINK = ("parent_id", "time_us", "kind", "child_queue_id", "child_id")
SWEPT_AT_ONCE = 100
# Who noted it will have settled it by then, if it lives. To settle twice does no harm.
LEFT_US = 10_000_000


class OtherServersError(Exception):
    """Messages of more servers change than are locked."""


class Settlement:
    """Settles what batches stirred. Used by one writer thread only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = sql_for(database)
        self._mails = Mails(self._sql, Ids(self._sql))
        self._links = Links(self._sql, self._mails)
        self._inheritance = Inheritance(self._mails)
        self._noted: list[tuple[int, Stirred]] = []
        self._done: list[int] = []

    def forget(self) -> None:
        """Drop what was noted in a transaction that was rolled back."""
        self._noted.clear()
        self._done.clear()

    def note(self, mails: Mails, now_us: int) -> None:
        """Write down, in the batch's transaction, what it stirred; take away what is settled."""
        stirred = mails.take_stirred()
        stirred.parents |= stirred.linked
        for mail in mails.changed():
            if mail.row.lineage != mail.handed_down:
                mail.handed_down = mail.row.lineage
                if mail.row.leads_on:
                    stirred.parents.add(mail.row.id)
        self._sql.delete_many("unsettled", ("id",), [(one,) for one in self._done])
        self._done.clear()
        message_ids = sorted(stirred.messages | stirred.parents)
        if message_ids:
            packed = struct.pack(f">{len(message_ids)}q", *message_ids)
            values = {"stored_us": now_us, "message_ids": packed}
            self._noted.append((self._sql.insert("unsettled", values), stirred))

    def settle(self) -> None:
        """Settle what was noted and committed. What fails is left to ``sweep``."""
        noted, self._noted = self._noted, []
        try:
            self._settle([stirred for _, stirred in noted])
        except PeeweeException as error:
            logger.warning('links not settled yet reason="%s"', error)
        else:
            self._done += [row_id for row_id, _ in noted]

    def sweep(self, now_us: int) -> int:
        """Settle what was left by collectors that were killed; how many batches, 100 at most."""
        rows = self._sql.run(
            "SELECT id, message_ids FROM unsettled WHERE stored_us < ? ORDER BY id LIMIT ?",
            (now_us - LEFT_US, SWEPT_AT_ONCE),
        ).fetchall()
        self._settle([self._stirred_again(bytes(packed)) for _, packed in rows])
        self._sql.delete_many("unsettled", ("id",), [(row_id,) for row_id, _ in rows])
        return len(rows)

    def _stirred_again(self, packed: bytes) -> Stirred:
        message_ids = struct.unpack(f">{len(packed) // 8}q", packed)
        columns = ("id", "queue_id", "first_us", "leads_on")
        rows = self._sql.find("message", columns, ("id",), [(one,) for one in message_ids])
        return Stirred(
            places={(row[1], row[2]) for row in rows},
            messages={row[0] for row in rows},
            parents={row[0] for row in rows if row[3]},
        )

    def _settle(self, noted: Iterable[Stirred]) -> None:
        stirred = Stirred()
        for one in noted:
            stirred.places |= one.places
            stirred.messages |= one.messages
            stirred.parents |= one.parents
        relevant = self._relevant(stirred)
        if relevant.places or relevant.parents:
            self._resolve(relevant)

    def _relevant(self, stirred: Stirred) -> Stirred:
        """Keep the places that links may lead to, and the parents of links that lead somewhere."""
        moments: dict[str, list[int]] = {}
        for queue_id, first_us in stirred.places:
            moments.setdefault(queue_id, []).append(first_us)
        found: set[Row] = set()
        for column, values in (
            ("child_queue_id", moments),
            ("child_id", stirred.messages),
            ("parent_id", stirred.parents),
        ):
            found.update(
                self._sql.find("message_link", LINK, (column,), [(one,) for one in values])
            )
        links = [
            (parent_id, queue_id, child_id)
            for parent_id, time_us, kind, queue_id, child_id in found
            if parent_id in stirred.parents
            or child_id in stirred.messages
            or any(concerns(kind, time_us, first_us) for first_us in moments.get(queue_id, ()))
        ]
        sought = {(queue_id,) for _, queue_id, _ in links}
        taken = {row[0] for row in self._sql.find("message", ("queue_id",), ("queue_id",), sought)}
        leading = [link for link in links if link[1] in taken or link[2] is not None]
        named = {queue_id for _, queue_id, _ in leading}
        return Stirred(
            places={place for place in stirred.places if place[0] in named},
            parents={parent_id for parent_id, _, _ in leading},
        )

    def _resolve(self, stirred: Stirred) -> None:
        """Resolve in one transaction, again with more servers locked until all that change are."""
        locked: set[int] = set()
        while True:
            try:
                with self._database.atomic():
                    self._resolve_locked(stirred, locked)
            except OtherServersError:
                continue
            return

    def _resolve_locked(self, stirred: Stirred, locked: set[int]) -> None:
        self._sql.run("SELECT pg_advisory_xact_lock(?)", (SETTLE_LOCK,))
        # Nothing is deleted meanwhile; what was deleted before is not looked for.
        self._sql.run(self._sql.shared("SELECT 1 FROM retention WHERE id = 1"))
        self._sql.lock_servers(locked)
        self._mails.forget()
        self._links.forget()
        there = self._sql.find("message", ("id",), ("id",), {(one,) for one in stirred.parents})
        places, parents = set(stirred.places), {message_id for (message_id,) in there}
        self._mails.stir_again(Stirred(places=places, parents=parents))
        self._links.settle()
        self._inheritance.settle()
        changed = self._mails.changed()
        servers = {mail.row.server_id for mail in changed}
        if not servers <= locked:
            locked |= servers
            raise OtherServersError
        self._links.flush()
        flush(self._sql, changed)
        self._mails.written()
        note_rewritten(self._sql, servers)
