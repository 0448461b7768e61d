"""Finding, making and keeping messages while batches are written.

Limits    Rows that were used lately stay in memory, one object for each row, and are written by
          ``flush``. After a rollback the memory must be dropped with ``forget``. What links say is
          worked out between the records and ``flush``, by those who take what ``stirred`` says.
"""

from dataclasses import dataclass, field

from mailtally_collector.delivery_state import delivery_state, message_end
from mailtally_collector.records import Accepted, MessageRef, RecordKey
from mailtally_collector.store.message_row import (
    COLUMNS,
    FACTS,
    IDENTITY,
    ORIGIN,
    MessageRow,
    choose_message,
)
from mailtally_collector.store.sql import Sql
from mailtally_collector.terms import AttemptOutcome

KEPT_MAX = 20_000

RefKey = tuple[int, MessageRef]

SELECT_MESSAGE = f"SELECT {', '.join(COLUMNS)} FROM message"  # noqa: S608 - names are constants
SELECT_OF_SLOT = f"{SELECT_MESSAGE} WHERE queue_id = ? AND server_id = ? AND instance = ?"
UPDATE_IDENTITY, UPDATE_ORIGIN, UPDATE_FACTS = (
    f"UPDATE message SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?"  # noqa: S608
    for names in (IDENTITY, ORIGIN, FACTS)
)
UPDATE_REPEATED = (
    "UPDATE delivery SET sender_id = ?, sender_domain_id = ?, arrival_us = ?, traffic_class = ?"
    " WHERE message_id = ?"
)


@dataclass(slots=True)
class Stirred:
    """Where links may lead to another message now.

    ``places``  queue ids with the moment at which a message of that id began, or began before.
    ``parents``  messages whose own links are to be looked at again.
    """

    places: set[tuple[str, int]] = field(default_factory=set)
    parents: set[int] = field(default_factory=set)


class Messages:
    """The messages that batches refer to."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._by_id: dict[int, MessageRow] = {}
        self._by_ref: dict[RefKey, MessageRow] = {}
        self._changed: dict[int, MessageRow] = {}
        self._stirred = Stirred()

    def forget(self) -> None:
        """Drop everything that is kept in memory, changes too."""
        self._by_id.clear()
        self._by_ref.clear()
        self._changed.clear()
        self._stirred = Stirred()

    def find(self, server_id: int, ref: MessageRef) -> MessageRow:
        """Return the message that the reference means; a new one when there is none."""
        key = (server_id, ref)
        row = self._by_ref.get(key)
        if row is not None:
            return row
        row = choose_message(self._of_slot(server_id, ref.instance, ref.queue_id), ref)
        if row is None:
            row = self._insert(server_id, ref)
            self._stir(row)
        else:
            self._adopt(row, ref)
        self._by_ref[key] = row
        return row

    def accept(
        self, row: MessageRow, key: RecordKey, what: Accepted, sender: tuple[int, int]
    ) -> bool:
        """Fill in what was said at acceptance; whether this is the first time that it is said."""
        before = (row.message_id, row.sender_id)
        fresh = row.accept(key, what, *sender)
        if (row.message_id, row.sender_id) != before:
            self._stir(row)
        self.mark(row)
        return fresh

    def mark(self, row: MessageRow) -> None:
        """Note that the row has to be written."""
        self._changed[row.id] = row

    def refresh_end(self, row: MessageRow) -> None:
        """Work out from the stored changes how the message stands, and its open deliveries."""
        changes = self._sql.run(
            "SELECT time_us, line_hash, change FROM message_event WHERE message_id = ?", (row.id,)
        ).fetchall()
        end = message_end(changes)
        if end == row.end:
            return
        row.end_change, row.ended_us, row.held = end.change, end.ended_us, end.held
        self.mark(row)
        if row.known_recipients:
            self._sql.run(
                "UPDATE delivery SET state = ? WHERE message_id = ? AND is_final = ?",
                (int(delivery_state(AttemptOutcome.DEFERRED, end)), row.id, False),
            )
        self._stir(row)

    def take_stirred(self) -> Stirred:
        """Return what was stirred since the last time."""
        stirred, self._stirred = self._stirred, Stirred()
        return stirred

    def changed(self) -> list[MessageRow]:
        """List the rows that are to be written."""
        return list(self._changed.values())

    def by_id(self, message_id: int) -> MessageRow:
        """Return a message that is known to be stored."""
        row = self._by_id.get(message_id)
        if row is None:
            (row,) = self._rows(f"{SELECT_MESSAGE} WHERE id = ?", message_id)
        return row

    def of_queue_id(self, queue_id: str) -> list[MessageRow]:
        """All messages of a queue id, on any server."""
        return self._rows(f"{SELECT_MESSAGE} WHERE queue_id = ?", queue_id)

    def set_origin(self, row: MessageRow, origin_id: int | None, kind: int) -> None:
        """Note what the message continues; written at once, because others look for it."""
        row.origin_id, row.origin_kind = origin_id, kind
        self._sql.run(UPDATE_ORIGIN, (origin_id, kind, row.id))
        self.mark(row)

    def flush(self) -> None:
        """Write what changed, and what deliveries repeat of it."""
        for row in self._changed.values():
            row.derive()
            self._sql.run(UPDATE_FACTS, (*(getattr(row, name) for name in FACTS), row.id))
            if row.known_recipients and row.repeated != row.to_repeat:
                self._sql.run(UPDATE_REPEATED, (*row.to_repeat, row.id))
                row.repeated = row.to_repeat
        self._changed.clear()
        if len(self._by_id) > KEPT_MAX or len(self._by_ref) > KEPT_MAX:
            self.forget()

    def _adopt(self, row: MessageRow, ref: MessageRef) -> None:
        """Let the reference name the message when it knows it from an earlier line."""
        place = (row.queue_id, row.first_us)
        if row.adopt(ref):
            self.mark(row)
            values = [getattr(row, name) for name in IDENTITY]
            self._sql.run(UPDATE_IDENTITY, (*values, row.id))
            self._stirred.places.add(place)
            self._stir(row)

    def _stir(self, row: MessageRow) -> None:
        """Note that links to and from the message may mean another one now."""
        self._stirred.places.add((row.queue_id, row.first_us))
        if row.leads_on:
            self._stirred.parents.add(row.id)

    def _of_slot(self, server_id: int, instance: str, queue_id: str) -> list[MessageRow]:
        return self._rows(SELECT_OF_SLOT, queue_id, server_id, instance)

    def _rows(self, statement: str, *values: object) -> list[MessageRow]:
        """Read messages; the object in memory where there is one."""
        cursor = self._sql.run(statement, values)
        return [self._by_id.get(found[0]) or self._keep(found) for found in cursor.fetchall()]

    def _keep(self, values: tuple[object, ...]) -> MessageRow:
        row = MessageRow(*values)  # type: ignore[arg-type]
        row.handed_down = row.lineage
        self._by_id[row.id] = row
        return row

    def _insert(self, server_id: int, ref: MessageRef) -> MessageRow:
        row = MessageRow(
            id=0,
            server_id=server_id,
            instance=ref.instance,
            queue_id=ref.queue_id,
            first_us=ref.first_line.time_us,
            first_hash=ref.first_line.line_hash,
            origin_seen=ref.origin_seen,
            arrival_us=ref.arrival_us,
        )
        row.id = self._sql.insert("message", {name: getattr(row, name) for name in COLUMNS[1:]})
        self._by_id[row.id] = row
        return row
