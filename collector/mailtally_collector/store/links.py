"""Links between messages: stored as they came, resolved against all messages that are known.

Theory of operation
    A link names its child by queue id; which message that is follows from both messages and the
    moment (lineage.py). Records only note what changed. ``settle``, once for a batch, looks at the
    new links and at those that a new, earlier or better known message may concern, and writes where
    each leads. What follows from it is written with it: the origin and link class of the child,
    and the direction of the parent's delivery.

Limits    A hop is looked for by its queue id around its moment, so that a next hop which answers
          the same queue id to everybody costs no more than any other.
"""

from collections.abc import Iterable
from typing import NamedTuple

from mailtally_collector.lineage import (
    HOP_AFTER_US,
    HOP_BEFORE_US,
    LOCAL_KINDS,
    Incoming,
    Kin,
    choose_child,
    choose_origin,
)
from mailtally_collector.records import Link, RecordKey
from mailtally_collector.store.message_row import MessageRow
from mailtally_collector.store.messages import Messages
from mailtally_collector.store.sql import Sql
from mailtally_collector.terms import AttemptOutcome, Direction, LinkKind
from mailtally_collector.traffic_class import class_of_links

COLUMNS = "server_id, time_us, line_hash, parent_id, kind, child_queue_id, child_id"
INSERT_LINK = f"INSERT INTO message_link ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
SELECT_LINK = f"SELECT {COLUMNS} FROM message_link"  # noqa: S608 - a constant
SELECT_OF_PARENT = f"{SELECT_LINK} WHERE parent_id = ?"
SELECT_OF_PLACE = (
    f"{SELECT_LINK} WHERE child_queue_id = ? AND kind IN {LOCAL_KINDS}"
    f" UNION ALL {SELECT_LINK} WHERE child_queue_id = ? AND kind = {int(LinkKind.HOP)}"
    f" AND time_us BETWEEN ? AND ?"
)
WHERE_KEY = "WHERE server_id = ? AND time_us = ? AND line_hash = ?"


class StoredLink(NamedTuple):
    """A row of message_link."""

    server_id: int
    time_us: int
    line_hash: int
    parent_id: int
    kind: int
    child_queue_id: str
    child_id: int | None


class Links:
    """Stores links and knows where they lead. Used by the writer thread only."""

    def __init__(self, sql: Sql, messages: Messages) -> None:
        self._sql = sql
        self._messages = messages
        self._fresh: list[StoredLink] = []
        self._server_names: dict[int, str] = {}

    def forget(self) -> None:
        """Drop what is kept in memory about rows."""
        self._fresh.clear()
        self._server_names.clear()

    def store(self, server_id: int, key: RecordKey, parent: MessageRow, what: Link) -> None:
        """Store a link that is not known yet."""
        link = StoredLink(
            *(server_id, key.time_us, key.line_hash, parent.id, what.kind, what.child_queue_id),
            child_id=None,
        )
        self._sql.run(INSERT_LINK, link)
        self._fresh.append(link)
        if not parent.leads_on:
            parent.leads_on = True
            self._messages.mark(parent)

    def is_hop(self, server_id: int, key: RecordKey) -> bool:
        """Whether the line of this key is known to have handed its message to our own next hop."""
        row = self._sql.run(
            f"SELECT kind, child_id FROM message_link {WHERE_KEY}",  # noqa: S608 - a constant
            (server_id, key.time_us, key.line_hash),
        ).fetchone()
        return row is not None and row[0] == LinkKind.HOP and row[1] is not None

    def settle(self) -> None:
        """Resolve the links that may lead elsewhere since the last time, and what follows."""
        stirred = self._messages.take_stirred()
        links = dict.fromkeys(self._fresh)
        self._fresh.clear()
        for queue_id, first_us in stirred.places:
            window = (first_us - HOP_AFTER_US, first_us + HOP_BEFORE_US)
            links.update(self._links(SELECT_OF_PLACE, queue_id, queue_id, *window))
        for parent_id in stirred.parents:
            links.update(self._links(SELECT_OF_PARENT, parent_id))
        children = {child_id for link in links for child_id in self._resolve(link)}
        for child_id in children:
            self._tell(self._messages.by_id(child_id))

    def _resolve(self, link: StoredLink) -> Iterable[int]:
        """Write where the link leads; the messages to which it led or leads, when that changed."""
        rows = self._messages.of_queue_id(link.child_queue_id)
        child = None
        if rows:
            parent = self._kin(self._messages.by_id(link.parent_id))
            child = choose_child(link.kind, link.time_us, parent, map(self._kin, rows))
        child_id = child.id if child else None
        if child_id == link.child_id:
            return ()
        self._sql.run(
            f"UPDATE message_link SET child_id = ? {WHERE_KEY}",  # noqa: S608 - a constant
            (child_id, *link[:3]),
        )
        if link.kind == LinkKind.HOP:
            self._redirect(link, is_hop=child_id is not None)
        return (one for one in (link.child_id, child_id) if one is not None)

    def _redirect(self, link: StoredLink, *, is_hop: bool) -> None:
        """Let the delivery that the line decides be a hop, or what its attempt said."""
        row = self._sql.run(f"SELECT direction FROM attempt {WHERE_KEY}", link[:3]).fetchone()  # noqa: S608
        if row is None:
            return
        self._sql.run(
            "UPDATE delivery SET direction = ?"
            " WHERE message_id = ? AND deciding_us = ? AND deciding_hash = ? AND outcome = ?",
            (
                int(Direction.INTERNAL_HOP) if is_hop else row[0],
                *(link.parent_id, link.time_us, link.line_hash, int(AttemptOutcome.SENT)),
            ),
        )

    def _tell(self, row: MessageRow) -> None:
        """Work out what the links that lead to a message say of it."""
        found = self._links(f"{SELECT_LINK} WHERE child_id = ?", row.id)
        row.link_class = class_of_links([link.kind for link in found])
        self._messages.mark(row)
        incoming = (
            Incoming(
                *(link.kind, link.time_us, link.line_hash, self._server(link.server_id)),
                parent_id=link.parent_id,
            )
            for link in found
        )
        origin = choose_origin(self._server(row.server_id), incoming)
        told = (origin.parent_id, origin.kind) if origin else (None, 0)
        if told != (row.origin_id, row.origin_kind):
            self._messages.set_origin(row, *told)

    def _links(self, statement: str, *values: object) -> dict[StoredLink, None]:
        """Read links, as keys in the order of the rows."""
        cursor = self._sql.run(statement, values)
        return dict.fromkeys(StoredLink(*row) for row in cursor.fetchall())

    def _kin(self, row: MessageRow) -> Kin:
        return Kin(
            id=row.id,
            server=self._server(row.server_id),
            instance=row.instance,
            first_us=row.first_us,
            first_hash=row.first_hash,
            origin_seen=bool(row.origin_seen),
            arrival_us=row.arrival_us,
            ended_us=row.ended_us,
            sender_id=row.sender_id,
            message_id=row.message_id,
        )

    def _server(self, server_id: int) -> str:
        """Name of a server: ids differ with the order of arrival, names do not."""
        if server_id not in self._server_names:
            rows = self._sql.run("SELECT id, name FROM server").fetchall()
            self._server_names.update(rows)
        return self._server_names[server_id]
