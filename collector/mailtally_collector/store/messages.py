"""Finding, making and keeping messages while batches are written.

Limits    Rows that were used lately stay in memory, one object for each row, and are written by
          ``flush``. After a rollback the memory must be dropped with ``forget``.
"""

from mailtally_collector.delivery_state import delivery_state, message_end
from mailtally_collector.records import MessageRef
from mailtally_collector.store.message_row import (
    COLUMNS,
    FACTS,
    IDENTITY,
    MessageRow,
    choose_message,
)
from mailtally_collector.store.sql import Sql
from mailtally_collector.terms import AttemptOutcome
from mailtally_collector.traffic_class import Child, link_classes

KEPT_MAX = 20_000

RefKey = tuple[int, MessageRef]

SELECT_OF_QUEUE_ID = (
    f"SELECT {', '.join(COLUMNS)} FROM message"  # noqa: S608 - names are constants
    " WHERE queue_id = ? AND server_id = ? AND instance = ?"
)
UPDATE_IDENTITY, UPDATE_FACTS = (
    f"UPDATE message SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?"  # noqa: S608
    for names in (IDENTITY, FACTS)
)
UPDATE_REPEATED = (
    "UPDATE delivery SET sender_id = ?, sender_domain_id = ?, arrival_us = ?, traffic_class = ?"
    " WHERE message_id = ?"
)


class Messages:
    """The messages that batches refer to."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._by_id: dict[int, MessageRow] = {}
        self._by_ref: dict[RefKey, MessageRow] = {}
        self._changed: dict[int, MessageRow] = {}

    def forget(self) -> None:
        """Drop everything that is kept in memory, changes too."""
        self._by_id.clear()
        self._by_ref.clear()
        self._changed.clear()

    def find(self, server_id: int, ref: MessageRef) -> MessageRow:
        """Return the message that the reference means; a new one when there is none."""
        key = (server_id, ref)
        row = self._by_ref.get(key)
        if row is not None:
            return row
        row = choose_message(self._of_queue_id(server_id, ref.instance, ref.queue_id), ref)
        if row is None:
            row = self._insert(server_id, ref)
            self.refresh_links(server_id, ref.instance, ref.queue_id)
        elif row.adopt(ref):
            self.mark(row)
            values = [getattr(row, name) for name in IDENTITY]
            self._sql.run(UPDATE_IDENTITY, (*values, row.id))
            self.refresh_links(server_id, ref.instance, ref.queue_id)
        self._by_ref[key] = row
        return row

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
        self.refresh_links(row.server_id, row.instance, row.queue_id)

    def refresh_links(self, server_id: int, instance: str, queue_id: str) -> None:
        """Work out what the links to a queue id say of the messages that have it."""
        links = self._sql.run(
            "SELECT time_us, kind FROM message_link"
            " WHERE child_queue_id = ? AND server_id = ? AND instance = ?",
            (queue_id, server_id, instance),
        ).fetchall()
        if not links:
            return
        rows = self._of_queue_id(server_id, instance, queue_id)
        children = [Child(row.id, row.first_us, row.arrival_us, row.ended_us) for row in rows]
        classes = link_classes(links, children)
        for row in rows:
            if row.link_class != classes[row.id]:
                row.link_class = classes[row.id]
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

    def _of_queue_id(self, server_id: int, instance: str, queue_id: str) -> list[MessageRow]:
        """All messages of a queue id; the object in memory where there is one."""
        cursor = self._sql.run(SELECT_OF_QUEUE_ID, (queue_id, server_id, instance))
        return [
            self._by_id.get(values[0]) or self._by_id.setdefault(values[0], MessageRow(*values))
            for values in cursor.fetchall()
        ]

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
