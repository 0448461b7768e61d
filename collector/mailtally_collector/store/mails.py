"""Finding, making and keeping messages while batches are written.

Limits    Messages that were used lately stay in memory, one object each, with all that belongs to
          them, and are written by whoever writes batches. After a rollback, and when another
          collector wrote, the memory must be dropped with ``forget``. What links say is worked out
          between the records and the writing, by those who take what ``stirred`` says.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mailtally_collector.lineage import ARRIVAL_TOLERANCE_US
from mailtally_collector.records import MessageRef, RecordKey, SpamScore
from mailtally_collector.store.ids import Ids
from mailtally_collector.store.mail import TOLD, AttemptKey, DeliveryRow, Mail, Told
from mailtally_collector.store.message_row import COLUMNS, MessageRow, choose_message
from mailtally_collector.store.rollup import failing, figures
from mailtally_collector.store.sql import Row, Sql
from mailtally_collector.terms import MessageChange, TrafficClass
from mailtally_collector.traffic_class import CANARY_INSTANCE

KEPT_MAX = 20_000
DELIVERY = (
    *("message_id", "number", "recipient_id", "original_recipient_id", "recipient_domain_id"),
    *(
        "provider_id",
        "state",
        "direction",
        "attempts",
        "first_try_us",
        "last_try_us",
        "deciding_us",
    ),
    *("deciding_hash", "outcome", "reply_code", "enhanced_status", "reply_template_id"),
    *TOLD,
)
EVENT = ("message_id", "server_id", "time_us", "line_hash", "change")
ATTEMPT_KEY = ("message_id", "time_us", "line_hash")
SCORE = (
    *("message_id", "server_id", "time_us", "line_hash"),
    *("scanner", "score", "required", "verdict"),
)

# A queue id of an instance, which messages have one after another.
Slot = tuple[int, str]


@dataclass(slots=True)
class Stirred:
    """Where links may lead to another message now.

    ``places``    queue ids with the moment at which a message of that id began, or began before.
    ``messages``  those messages.  ``parents``  those whose own links are to be looked at again.
    ``linked``    parents of links that were stored.
    """

    places: set[tuple[str, int]] = field(default_factory=set)
    messages: set[int] = field(default_factory=set)
    parents: set[int] = field(default_factory=set)
    linked: set[int] = field(default_factory=set)


class Mails:
    """The messages that batches refer to."""

    def __init__(self, sql: Sql, ids: Ids) -> None:
        self._sql = sql
        self._ids = ids
        self._by_id: dict[int, Mail] = {}
        self._by_ref: dict[tuple[int, MessageRef], Mail] = {}
        self._slots: dict[Slot, list[Mail]] = {}
        # Slots of which all stored messages are in memory.
        self._whole: set[Slot] = set()
        self._attempts: dict[Slot, set[AttemptKey]] = {}
        self._queue_ids: dict[str, set[int]] = {}
        self._changed: dict[int, Mail] = {}
        self._stirred = Stirred()

    def forget(self) -> None:
        """Drop everything that is kept in memory, changes too."""
        self._by_id.clear()
        self._by_ref.clear()
        self._slots.clear()
        self._whole.clear()
        self._attempts.clear()
        self._queue_ids.clear()
        self._changed.clear()
        self._stirred = Stirred()

    def forget_server(self, server_id: int) -> None:
        """Drop the messages of a server for which another collector wrote; none is changed."""
        gone = {
            mail.row.id: mail.row
            for mail in self._by_id.values()
            if mail.row.server_id == server_id
        }
        slots = {(row.instance_id, row.queue_id) for row in gone.values()}
        for message_id in gone:
            del self._by_id[message_id]
        for slot in slots:
            self._slots.pop(slot, None)
            self._whole.discard(slot)
            self._attempts.pop(slot, None)
        self._by_ref = {key: mail for key, mail in self._by_ref.items() if mail.row.id not in gone}
        for row in gone.values():
            self._queue_ids.get(row.queue_id, set()).discard(row.id)

    def prepare(
        self, server_id: int, refs: Iterable[tuple[int, MessageRef]], newest_key_us: int
    ) -> None:
        """Read the messages that these references may mean, ``(instance_id, ref)`` each.

        One that begins after everything that its server ever reported is not stored yet.
        """
        unknown = set()
        for instance_id, ref in refs:
            slot = (instance_id, ref.queue_id)
            if slot in self._whole or (instance_id, ref) in self._by_ref:
                continue
            if ref.origin_seen and ref.first_line.time_us > newest_key_us + ARRIVAL_TOLERANCE_US:
                continue
            unknown.add(slot)
        of_server = self._sql.of_server(server_id)
        self._read("queue_id", {queue_id for _, queue_id in unknown}, of_server)
        self._whole |= unknown

    def note_attempt(self, mail: Mail, key: AttemptKey) -> bool:
        """Remember an attempt ``(time_us, line_hash)``; False when it is stored already.

        It is looked for among all messages that had its queue id, so that nothing is counted twice
        wherever a reference from the middle of a message's life may lead.
        """
        known = self._attempts.setdefault((mail.row.instance_id, mail.row.queue_id), set())
        if key in known:
            return False
        known.add(key)
        return True

    def find(self, server_id: int, instance_id: int, ref: MessageRef) -> Mail:
        """Return the message that a prepared reference means; a new one when there is none."""
        key = (instance_id, ref)
        mail = self._by_ref.get(key)
        if mail is not None:
            return mail
        candidates = self._slots.setdefault((instance_id, ref.queue_id), [])
        mail = self._choose(candidates, ref) if candidates else None
        if mail is None:
            mail = self._new(server_id, instance_id, ref)
            self.stir(mail)
        else:
            self._adopt(mail, ref)
        self._by_ref[key] = mail
        return mail

    def mark(self, mail: Mail) -> None:
        """Note that the message has to be written."""
        self._changed[mail.row.id] = mail

    def changed(self) -> list[Mail]:
        """List the messages that are to be written."""
        return list(self._changed.values())

    def written(self) -> None:
        """Note that all are written; forget them when they are many."""
        for mail in self._changed.values():
            mail.note_written()
        self._changed.clear()
        if len(self._by_id) > KEPT_MAX or len(self._by_ref) > 2 * KEPT_MAX:
            self.forget()

    def stir(self, mail: Mail) -> None:
        """Note that links to and from the message may mean another one now."""
        self._stirred.places.add((mail.row.queue_id, mail.row.first_us))
        self._stirred.messages.add(mail.row.id)
        if mail.row.leads_on:
            self._stirred.parents.add(mail.row.id)

    def note_link(self, parent: Mail) -> None:
        """Note that a link from the message was stored."""
        self._stirred.linked.add(parent.row.id)
        if not parent.row.leads_on:
            parent.row.leads_on = True
            self.mark(parent)

    def take_stirred(self) -> Stirred:
        """Return what was stirred since the last time."""
        stirred, self._stirred = self._stirred, Stirred()
        return stirred

    def stir_again(self, stirred: Stirred) -> None:
        """Note what was stirred in another transaction; parents hand their class down again."""
        self._stirred = stirred
        for mail in self.by_ids(stirred.parents):
            mail.handed_down = ()
            self.mark(mail)

    def by_ids(self, message_ids: Collection[int]) -> list[Mail]:
        """Return messages that are known to be stored."""
        self._read("id", {one for one in message_ids if one not in self._by_id})
        return [self._by_id[one] for one in message_ids]

    def by_id(self, message_id: int) -> Mail:
        """Return a message that is known to be stored."""
        (mail,) = self.by_ids([message_id])
        return mail

    def of_queue_ids(self, queue_ids: Collection[str]) -> dict[str, list[Mail]]:
        """All messages of these queue ids, on any server."""
        self._read("queue_id", set(queue_ids))
        return {
            queue_id: [self._by_id[one] for one in sorted(self._queue_ids.get(queue_id, ()))]
            for queue_id in queue_ids
        }

    def continuing(self, message_ids: Collection[int]) -> list[Mail]:
        """All messages that continue one of these."""
        wanted = set(message_ids)
        found = self._read("origin_id", wanted)
        here = (mail.row.id for mail in self._changed.values() if mail.row.origin_id in wanted)
        members = (self._by_id[one] for one in {*found, *here})
        return [mail for mail in members if mail.row.origin_id in wanted]

    def _choose(self, candidates: list[Mail], ref: MessageRef) -> Mail | None:
        row = choose_message([mail.row for mail in candidates], ref)
        return self._by_id[row.id] if row else None

    def _adopt(self, mail: Mail, ref: MessageRef) -> None:
        """Let the reference name the message when it knows it from an earlier line."""
        place = (mail.row.queue_id, mail.row.first_us)
        if mail.row.adopt(ref):
            self.mark(mail)
            self._stirred.places.add(place)
            self.stir(mail)

    def _new(self, server_id: int, instance_id: int, ref: MessageRef) -> Mail:
        row = MessageRow(
            id=self._ids.take(ref.arrival_us),
            server_id=server_id,
            instance_id=instance_id,
            queue_id=ref.queue_id,
            first_us=ref.first_line.time_us,
            first_hash=ref.first_line.line_hash,
            origin_seen=ref.origin_seen,
            arrival_us=ref.arrival_us,
        )
        if ref.instance == CANARY_INSTANCE:
            row.traffic_class = int(TrafficClass.CANARY)
        mail = Mail(row)
        self._keep(mail)
        self.mark(mail)
        return mail

    def _keep(self, mail: Mail) -> None:
        row = mail.row
        self._by_id[row.id] = mail
        self._slots.setdefault((row.instance_id, row.queue_id), []).append(mail)
        self._queue_ids.setdefault(row.queue_id, set()).add(row.id)

    def _read(self, column: str, values: set[int] | set[str], sql: Sql | None = None) -> list[int]:
        """Read messages that are not in memory, with all that belongs to them; ids of all found."""
        if not values:
            return []
        rows = (sql or self._sql).find(
            "message", COLUMNS, (column,), [(value,) for value in values]
        )
        fresh = {
            row[0]: Mail(MessageRow(*row)) for row in sorted(rows) if row[0] not in self._by_id
        }
        self._complete(fresh)
        for mail in fresh.values():
            self._keep(mail)
        return [row[0] for row in rows]

    def _complete(self, fresh: dict[int, Mail]) -> None:
        """Read what belongs to the messages."""
        for sql, some in self._sql.by_server(fresh.values(), lambda mail: mail.row.server_id):
            self._read_parts(sql, {mail.row.id: mail for mail in some})

    def _read_parts(self, sql: Sql, fresh: dict[int, Mail]) -> None:
        wanted = [(message_id,) for message_id in fresh]
        for row in sql.find("delivery", DELIVERY, ("message_id",), wanted):
            delivery = _delivery(row)
            at = (delivery.recipient_id, delivery.original_recipient_id)
            fresh[row[0]].deliveries[at] = delivery
        for message_id, *key in sql.find("attempt", ATTEMPT_KEY, ("message_id",), wanted):
            self.note_attempt(fresh[message_id], (key[0], key[1]))
        for message_id, *change in sql.find("message_event", EVENT, ("message_id",), wanted):
            fresh[message_id].changes.add((change[1], change[2], change[3]))
        for message_id, _, time_us, line_hash, *score in sql.find(
            "message_score", SCORE, ("message_id",), wanted
        ):
            fresh[message_id].score = (RecordKey(time_us, line_hash), SpamScore(*score))
        for mail in fresh.values():
            completed_us, completed_hash = mail.row.completed_us, mail.row.completed_hash
            if completed_us is not None and completed_hash is not None:
                completed = int(MessageChange.COMPLETED)
                mail.changes.add((completed_us, completed_hash, completed))
            mail.handed_down = mail.row.lineage
            mail.counted = figures(mail)
            for delivery in mail.deliveries.values():
                delivery.failing = failing(mail, delivery)
                if delivery.told is not None:
                    self.note_attempt(mail, (delivery.deciding_us, delivery.deciding_hash))
            mail.note_written()


def _delivery(row: Row) -> DeliveryRow:
    """Read a row of DELIVERY."""
    _, number, recipient_id, original_id, domain_id, provider_id, state, direction, attempts = row[
        :9
    ]
    first_us, last_us, deciding_us, *decided = row[9:17]
    told = Told(*row[17:]) if row[17] is not None else None
    return DeliveryRow(
        *(number, recipient_id, original_id, domain_id, provider_id, state, direction, attempts),
        *(last_us if first_us is None else first_us, last_us),
        *(last_us if deciding_us is None else deciding_us, *decided, told),
    )
