"""A row of the message table while batches work on it, and which row a reference means.

Limits    Mutable on purpose, and used by the writer thread only: a row is read once, changed by
          many records, and written once at the end of a batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from hashlib import blake2b
from operator import attrgetter

from mailtally_collector.delivery_state import MessageEnd, untried_state
from mailtally_collector.durations import DAY_US
from mailtally_collector.lineage import ARRIVAL_TOLERANCE_US, NO_MESSAGE_IDS
from mailtally_collector.records import Accepted, MessageRef, RecordKey, short_hash
from mailtally_collector.terms import TrafficClass
from mailtally_collector.traffic_class import combine

MERGED = ("size_bytes", "recipient_count", "message_id")


@dataclass(slots=True, eq=False)
class MessageRow:
    """The columns of one message, named as in the table."""

    id: int
    server_id: int
    instance_id: int
    queue_id: str
    first_us: int
    first_hash: int
    origin_seen: bool
    arrival_us: int
    origin_id: int | None = None
    origin_kind: int = 0
    sender_domain_id: int | None = None
    message_id_key: int | None = None
    sender_id: int | None = None
    message_id: bytes = b""
    accepted_us: int | None = None
    accepted_hash: int | None = None
    size_bytes: int = 0
    recipient_count: int = 0
    known_recipients: int = 0
    client_id: int | None = None
    accepted_class: int = 0
    is_probe: bool = False
    link_class: int = 0
    inherited_class: int = 0
    traffic_class: int = 0
    leads_on: bool = False
    completed_us: int | None = None
    completed_hash: int | None = None
    ended_us: int | None = None
    end_change: int = 0
    held: bool = False
    untried: int = 0
    untried_state: int = 0

    @property
    def first_line(self) -> RecordKey:
        """The line that names the message."""
        return RecordKey(self.first_us, self.first_hash)

    @property
    def end(self) -> MessageEnd:
        """How the message stands."""
        return MessageEnd(change=self.end_change, ended_us=self.ended_us, held=bool(self.held))

    def adopt(self, ref: MessageRef) -> bool:
        """Take over the reference when it knows the message from an earlier line; True if so."""
        if self.origin_seen or not (ref.origin_seen or ref.first_line < self.first_line):
            return False
        self.first_us, self.first_hash = ref.first_line.time_us, ref.first_line.line_hash
        self.origin_seen, self.arrival_us = ref.origin_seen, ref.arrival_us
        return True

    def accept(
        self, key: RecordKey, what: Accepted, sender: tuple[int, int], client_id: int | None
    ) -> bool:
        """Fill in what was said at acceptance; whether this is the first time that it is said.

        The queue manager says it again on each retry. The earliest line wins where two differ.
        """
        known = self.accepted_us is not None and self.accepted_hash is not None
        line = RecordKey(key.time_us, short_hash(key.line_hash))
        is_earliest = not known or line < RecordKey(self.accepted_us or 0, self.accepted_hash or 0)
        if is_earliest:
            self.accepted_us, self.accepted_hash = line
            self.sender_id, self.sender_domain_id = sender
        if client_id is not None and (is_earliest or self.client_id is None):
            self.client_id = client_id
        for name in MERGED:
            told = getattr(what, name)
            if told and (is_earliest or not getattr(self, name)):
                setattr(self, name, told)
        if is_earliest or self.accepted_class == TrafficClass.UNSPECIFIED:
            self.accepted_class = what.traffic_class or self.accepted_class
        return not known

    @property
    def own_class(self) -> int:
        """The class without what it inherits; a canary is one from its first line on."""
        if self.traffic_class == TrafficClass.CANARY:
            return self.traffic_class
        probe = TrafficClass.PROBE if self.is_probe else TrafficClass.UNSPECIFIED
        return combine(self.accepted_class, self.link_class, probe)

    @property
    def lineage(self) -> tuple[int | None, ...]:
        """What the class of those who continue it follows from."""
        return (self.own_class, self.origin_id, self.origin_kind)

    def derive(self) -> None:
        """Compute the columns that follow from the others."""
        self.traffic_class = combine(self.own_class, self.inherited_class)
        state = untried_state(self.end)
        self.untried = max(0, self.recipient_count - self.known_recipients) if state else 0
        self.untried_state = int(state or 0)
        self.message_id_key = message_id_key(self.message_id, self.arrival_us // DAY_US)


COLUMNS = tuple(field.name for field in fields(MessageRow))
# What names the message and what is looked for is written apart: it hardly ever changes, and stands
# in indexes.
INDEXED = COLUMNS[3:12]
PLAIN = COLUMNS[12:]
values_of = attrgetter(*COLUMNS)
indexed_of = attrgetter(*INDEXED)
plain_of = attrgetter(*PLAIN)


# Postfix gives up after maximal_queue_lifetime, 5 days by default; a day on top for held mail.
QUEUE_LIFETIME_US = 6 * DAY_US


def message_id_key(message_id: bytes, day: int) -> int | None:
    """Key by which a Message-ID is found among those of a day (days since 1970, UTC).

    Time first, like all keys: a random one would cost SQLite most of its speed.
    """
    bare = message_id.removeprefix(b"<").removesuffix(b">")
    if message_id in NO_MESSAGE_IDS or not bare:
        return None
    return day << 32 | int.from_bytes(blake2b(bare, digest_size=4).digest())


def choose_message(candidates: Iterable[MessageRow], ref: MessageRef) -> MessageRow | None:
    """Find the message that the reference means among those of its server, instance and queue id.

    1. The message with this very first line.
    2. A reference from the middle of a message's life: the newest message that was in the queue.
    3. A message that is itself known from the middle only, arrived at the same moment, and had not
       left the queue by then.
    4. The next one after this first line, when it is known from the middle only: logs may come
       latest first. Queue ids come again, but hardly while a message is in the queue.
    """
    newest_first = sorted(candidates, key=lambda row: row.first_line, reverse=True)
    for row in newest_first:
        if row.first_line == ref.first_line:
            return row
    moment_us = ref.first_line.time_us
    if not ref.origin_seen:
        for row in newest_first:
            if row.first_us <= moment_us and (row.ended_us is None or row.ended_us >= moment_us):
                return row
    for row in newest_first:
        if row.ended_us is not None and row.ended_us < moment_us:
            continue
        if not row.origin_seen and abs(row.arrival_us - ref.arrival_us) <= ARRIVAL_TOLERANCE_US:
            return row
    later = [row for row in newest_first if row.first_line > ref.first_line]
    if later and not later[-1].origin_seen and later[-1].first_us - moment_us <= QUEUE_LIFETIME_US:
        return later[-1]
    return None
