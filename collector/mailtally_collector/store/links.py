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

from collections.abc import Collection, Iterable
from dataclasses import dataclass

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
from mailtally_collector.store.mail import Mail
from mailtally_collector.store.mails import Mails, Stirred
from mailtally_collector.store.sql import Sql
from mailtally_collector.terms import AttemptOutcome, Direction, LinkKind
from mailtally_collector.traffic_class import class_of_links

KEY = ("parent_id", "time_us", "line_hash")
COLUMNS = (*KEY, "server_id", "kind", "child_queue_id", "child_id")

LinkKey = tuple[int, int, int]


@dataclass(slots=True, eq=False)
class StoredLink:
    """A row of message_link; ``written_child_id`` is what the row says, 0 for a new one."""

    parent_id: int
    time_us: int
    line_hash: int
    server_id: int
    kind: int
    child_queue_id: str
    child_id: int | None
    written_child_id: int | None

    @property
    def key(self) -> LinkKey:
        """What names the link."""
        return (self.parent_id, self.time_us, self.line_hash)


class Links:
    """Stores links and knows where they lead. Used by the writer thread only."""

    def __init__(self, sql: Sql, mails: Mails) -> None:
        self._sql = sql
        self._mails = mails
        self._links: dict[LinkKey, StoredLink] = {}
        self._host_names: dict[tuple[str, int], str] = {}

    def forget(self) -> None:
        """Drop what is kept in memory about rows."""
        self._links.clear()
        self._host_names.clear()

    def prepare(self, parents: Iterable[Mail]) -> None:
        """Read the links of messages that are about to be given more."""
        stored = {mail.row.id for mail in parents if mail.row.leads_on}
        self._read("parent_id", stored)

    def store(self, key: RecordKey, parent: Mail, what: Link) -> bool:
        """Note a link of a prepared parent; False when it was known."""
        link = StoredLink(
            *(parent.row.id, key.time_us, key.line_hash, parent.row.server_id),
            *(what.kind, what.child_queue_id),
            child_id=None,
            written_child_id=0,
        )
        if link.key in self._links:
            return False
        self._links[link.key] = link
        self._mails.note_link(parent)
        return True

    def settle(self) -> None:
        """Resolve the links that may lead elsewhere since the last time, and what follows."""
        links = self._stirred_links(self._mails.take_stirred())
        if not links:
            return
        candidates = self._mails.of_queue_ids({link.child_queue_id for link in links})
        self._mails.by_ids({link.parent_id for link in links})
        children = {
            child_id
            for link in links
            for child_id in self._resolve(link, candidates[link.child_queue_id])
        }
        for link in links:
            self._direct(link)
        self._read("child_id", children)
        for child in self._mails.by_ids(children):
            self._tell(child)

    def flush(self) -> None:
        """Write what is new or leads elsewhere, and keep nothing of it in memory."""
        for sql, links in self._sql.by_server(self._links.values(), lambda link: link.server_id):
            self._flush(sql, links)
        self._links.clear()

    def _flush(self, sql: Sql, links: list[StoredLink]) -> None:
        fresh = [link for link in links if link.written_child_id == 0]
        moved = [link for link in links if link.written_child_id not in (0, link.child_id)]
        sql.insert_many(
            "message_link",
            COLUMNS,
            [
                (*link.key, link.server_id, link.kind, link.child_queue_id, link.child_id)
                for link in fresh
            ],
        )
        sql.update_many(
            "message_link", ("child_id",), KEY, [(link.child_id, *link.key) for link in moved]
        )

    def _stirred_links(self, stirred: Stirred) -> list[StoredLink]:
        """Fresh links, those of stirred parents, and those that may lead to a stirred place."""
        moments: dict[str, list[int]] = {}
        for queue_id, first_us in stirred.places:
            moments.setdefault(queue_id, []).append(first_us)
        self._read("child_queue_id", moments.keys())
        self._read("parent_id", stirred.parents)
        return [
            link
            for link in self._links.values()
            if link.written_child_id == 0
            or link.parent_id in stirred.parents
            or any(
                concerns(link.kind, link.time_us, first_us)
                for first_us in moments.get(link.child_queue_id, ())
            )
        ]

    def _resolve(self, link: StoredLink, candidates: list[Mail]) -> Iterable[int]:
        """Note where the link leads; the messages to which it led or leads, when that changed."""
        child = None
        if candidates:
            parent = self._kin(self._mails.by_id(link.parent_id))
            child = choose_child(link.kind, link.time_us, parent, map(self._kin, candidates))
        was, link.child_id = link.child_id, child.id if child else None
        if was == link.child_id:
            return ()
        return (one for one in (was, link.child_id) if one is not None)

    def _direct(self, link: StoredLink) -> None:
        """Let the delivery that the line decides be a hop, or what its attempt said."""
        if link.kind != LinkKind.HOP:
            return
        parent = self._mails.by_id(link.parent_id)
        for delivery in parent.deliveries.values():
            decided = (delivery.deciding_us, delivery.deciding_hash, delivery.outcome)
            if decided != (link.time_us, link.line_hash, AttemptOutcome.SENT) or not delivery.told:
                continue
            told = delivery.told.told_direction
            direction = told if link.child_id is None else int(Direction.INTERNAL_HOP)
            if delivery.direction != direction:
                delivery.direction, delivery.is_changed = direction, True
                self._mails.mark(parent)

    def _tell(self, mail: Mail) -> None:
        """Work out what the links that lead to a message say of it."""
        row = mail.row
        found = [link for link in self._links.values() if link.child_id == row.id]
        row.link_class = class_of_links([link.kind for link in found])
        self._mails.mark(mail)
        parents = {link.parent_id: self._mails.by_id(link.parent_id) for link in found}
        incoming = (
            Incoming(
                *(link.kind, link.time_us, link.line_hash),
                self._server(parents[link.parent_id].row.server_id),
                parent_id=link.parent_id,
            )
            for link in found
        )
        origin = choose_origin(self._server(row.server_id), incoming)
        row.origin_id, row.origin_kind = (origin.parent_id, origin.kind) if origin else (None, 0)

    def _read(self, column: str, values: Collection[int] | Collection[str]) -> None:
        """Read links that are not in memory."""
        rows = self._sql.find("message_link", COLUMNS, (column,), [(value,) for value in values])
        for row in rows:
            parent_id, time_us, line_hash, server_id, kind, queue_id, child_id = row
            key = (parent_id, time_us, line_hash)
            link = StoredLink(*key, server_id, kind, queue_id, child_id, child_id)
            self._links.setdefault(link.key, link)

    def _kin(self, mail: Mail) -> Kin:
        row = mail.row
        return Kin(
            id=row.id,
            server=self._server(row.server_id),
            instance=self._instance(row.instance_id),
            first_us=row.first_us,
            first_hash=row.first_hash,
            origin_seen=bool(row.origin_seen),
            arrival_us=row.arrival_us,
            ended_us=row.ended_us,
            sender_id=row.sender_id,
            message_id=row.message_id,
        )

    def _server(self, server_id: int) -> str:
        return self._name("server", server_id)

    def _instance(self, instance_id: int) -> str:
        return self._name("instance", instance_id)

    def _name(self, table: str, row_id: int) -> str:
        """Name of a host or instance: ids differ with the order of arrival, names do not."""
        if (table, row_id) not in self._host_names:
            rows = self._sql.run(f"SELECT id, name FROM {table}").fetchall()  # noqa: S608 - constant
            self._host_names.update({(table, one): name for one, name in rows})
        return self._host_names[table, row_id]


def concerns(kind: int, time_us: int, first_us: int) -> bool:
    """Whether a message that began then, with the queue id of the link, may be its child."""
    if kind in LOCAL_KINDS:
        return True
    return first_us - HOP_AFTER_US <= time_us <= first_us + HOP_BEFORE_US
