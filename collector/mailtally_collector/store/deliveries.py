"""Attempts, and the deliveries that they add up to.

Limits    An attempt is stored once, whatever it says and however often it comes. A delivery shows
          the attempt with the greatest ``Deciding``, not the one that came last.
"""

from collections.abc import Sequence

from mailtally_collector.delivery_state import Deciding, delivery_state, is_final, is_probe
from mailtally_collector.records import Attempt, Record, RecordKey
from mailtally_collector.store.links import Links
from mailtally_collector.store.message_row import MessageRow
from mailtally_collector.store.messages import Messages
from mailtally_collector.store.names import Names
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.templates import Templates
from mailtally_collector.terms import AttemptOutcome, Direction

INSERT_ATTEMPT = (
    "INSERT INTO attempt (server_id, time_us, line_hash, delivery_id, relay_host, relay_address,"
    " relay_port, delivery_agent, direction, outcome, status, enhanced_status, reply_code,"
    " reply_text, reply_truncated, connection_use, delay_us, queue_delay_us, active_delay_us,"
    " setup_delay_us, transmission_delay_us, reply_phase, tls_policy, tls_trust, tls_protocol,"
    " tls_cipher, recipient_ambiguous) VALUES"
    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SUCCESSES = (AttemptOutcome.SENT, AttemptOutcome.DELIVERABLE)
SELECT_DELIVERY = (
    "SELECT id, attempts, first_try_us, last_try_us, is_final, deciding_us, deciding_hash"
    " FROM delivery WHERE message_id = ? AND recipient_id = ? AND original_recipient_id = ?"
)


class Deliveries:
    """Counts attempts into deliveries. Used by the writer thread only."""

    def __init__(
        self, sql: Sql, names: Names, templates: Templates, messages: Messages, links: Links
    ) -> None:
        self._sql = sql
        self._names = names
        self._templates = templates
        self._messages = messages
        self._links = links

    def store(self, server_id: int, record: Record, what: Attempt) -> bool:
        """Store the attempt and count it in its delivery; False when it was known."""
        key = record.key
        if self._sql.has("attempt", server_id, key.time_us, key.line_hash):
            return False
        message = self._messages.find(server_id, record.message)
        delivery_id = self._count(message, key, what)
        if is_probe(what.outcome) and not message.is_probe:
            message.is_probe = True
            self._messages.mark(message)
        self._insert_attempt(server_id, key, delivery_id, what)
        return True

    def _count(self, message: MessageRow, key: RecordKey, what: Attempt) -> int:
        """Count one more attempt of this recipient; return the delivery's id."""
        recipient_id, recipient_domain_id = self._names.address(what.recipient)
        original_id, _ = self._names.address(what.original_recipient)
        decided = _decided_columns(message, key, what, self._template_id(key, what))
        is_sent = what.outcome == AttemptOutcome.SENT
        if message.leads_on and is_sent and self._links.is_hop(message.server_id, key):
            decided["direction"] = int(Direction.INTERNAL_HOP)
        row = None
        if message.known_recipients:
            row = self._sql.run(SELECT_DELIVERY, (message.id, recipient_id, original_id)).fetchone()
        if row is not None:
            return self._count_again(row, key, what, decided)
        message.known_recipients += 1
        message.derive()
        if message.known_recipients == 1:
            message.repeated = message.to_repeat
        elif message.repeated != message.to_repeat:
            message.repeated = None
        self._messages.mark(message)
        return self._sql.insert(
            "delivery",
            decided
            | {
                "message_id": message.id,
                "recipient_id": recipient_id,
                "original_recipient_id": original_id,
                "recipient_domain_id": recipient_domain_id,
                "attempts": 1,
                "first_try_us": key.time_us,
                "last_try_us": key.time_us,
                "server_id": message.server_id,
                "sender_id": message.sender_id,
                "sender_domain_id": message.sender_domain_id,
                "arrival_us": message.arrival_us,
                "traffic_class": message.traffic_class,
            },
        )

    def _count_again(
        self, row: Sequence[int], key: RecordKey, what: Attempt, decided: dict[str, object]
    ) -> int:
        """Count an attempt in a delivery that has some, ``row`` as SELECT_DELIVERY gives it."""
        delivery_id, attempts, first_us, last_us, was_final, was_us, was_hash = row
        columns: dict[str, object] = {
            "attempts": attempts + 1,
            "first_try_us": min(first_us, key.time_us),
            "last_try_us": max(last_us, key.time_us),
        }
        rank = Deciding(is_final(what.outcome), key.time_us, key.line_hash)
        if rank > Deciding(bool(was_final), was_us, was_hash):
            columns |= decided
        marks = ", ".join(f"{name} = ?" for name in columns)
        self._sql.run(
            f"UPDATE delivery SET {marks} WHERE id = ?",  # noqa: S608 - names are constants
            (*columns.values(), delivery_id),
        )
        return int(delivery_id)

    def _template_id(self, key: RecordKey, what: Attempt) -> int | None:
        """Template of what failed, of an attempt that does not decide too: any order, same rows."""
        if what.outcome in SUCCESSES:
            return None
        return self._templates.find(what, key.time_us)

    def _insert_attempt(
        self, server_id: int, key: RecordKey, delivery_id: int, what: Attempt
    ) -> None:
        self._sql.run(
            INSERT_ATTEMPT,
            (
                *(server_id, key.time_us, key.line_hash, delivery_id),
                *(what.relay_host, what.relay_address, what.relay_port, what.delivery_agent),
                *(what.direction, what.outcome, what.status, what.enhanced_status),
                *(what.reply_code, what.reply_text, what.reply_truncated, what.connection_use),
                *(what.delay_us, what.queue_delay_us, what.active_delay_us),
                *(what.setup_delay_us, what.transmission_delay_us, what.reply_phase),
                *(what.tls_policy, what.tls_trust, what.tls_protocol, what.tls_cipher),
                what.recipient_ambiguous,
            ),
        )


def _decided_columns(
    message: MessageRow, key: RecordKey, what: Attempt, template_id: int | None
) -> dict[str, object]:
    """The columns of a delivery that the deciding attempt gives."""
    return {
        "state": int(delivery_state(what.outcome, message.end)),
        "direction": what.direction,
        "is_final": is_final(what.outcome),
        "deciding_us": key.time_us,
        "deciding_hash": key.line_hash,
        "outcome": what.outcome,
        "reply_code": what.reply_code,
        "enhanced_status": what.enhanced_status,
        "reply_text": what.reply_text,
        "reply_template_id": template_id,
        "relay_host": what.relay_host,
        "relay_address": what.relay_address,
        "relay_port": what.relay_port,
    }
