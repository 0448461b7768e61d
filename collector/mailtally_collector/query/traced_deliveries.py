"""The recipients of messages, each with its attempts."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from peewee import JOIN, Database, fn

from mailtally_collector.classify.classify import Judged
from mailtally_collector.query.verdicts import VERDICT_COLUMNS, judged
from mailtally_collector.records import Attempt
from mailtally_collector.store import models
from mailtally_collector.store.models import (
    Address,
    Delivery,
    Domain,
    Relay,
    ReplyTemplate,
    Transport,
)
from mailtally_collector.store.names import join_address
from mailtally_collector.store.timing import Timing, unpack_timing

ADDRESSES = ("recipient", "original_recipient")
TRANSPORT = (
    *("delivery_agent", "status", "reply_phase"),
    *("tls_policy", "tls_trust", "tls_protocol", "tls_cipher"),
)
ELSEWHERE = ("direction", "relay_host", "relay_address", "relay_port", *TRANSPORT)
# The columns of an attempt are named as its fields; the addresses are the delivery's.
AS_STORED = tuple(
    name for name in Attempt._fields if name not in ADDRESSES and name not in Timing._fields
)
OWN = (*(name for name in AS_STORED if name not in ELSEWHERE), "timing")


@dataclass(frozen=True, slots=True)
class TracedDelivery:
    """One recipient; attempts are (time_us, Attempt), oldest first."""

    recipient: bytes
    original_recipient: bytes
    state: int
    direction: int
    judged: Judged | None
    attempts: list[tuple[int, Attempt]]


def traced_deliveries(
    database: Database, message_ids: Collection[int]
) -> dict[int, list[TracedDelivery]]:
    """Read the recipients of messages, in the order of their first tries."""
    recipient, original = Address.alias(), Address.alias()
    recipient_domain, original_domain = Domain.alias(), Domain.alias()
    rows = (
        Delivery.select(
            Delivery.message_id,
            Delivery.number,
            recipient.local_part,
            recipient_domain.name,
            original.local_part,
            original_domain.name,
            Delivery.state,
            Delivery.direction,
            *VERDICT_COLUMNS,
        )
        .join(recipient, on=(Delivery.recipient_id == recipient.id))
        .join(recipient_domain, on=(recipient.domain_id == recipient_domain.id))
        .join_from(
            Delivery,
            original,
            JOIN.LEFT_OUTER,
            on=(Delivery.original_recipient_id == original.id),
        )
        .join(original_domain, JOIN.LEFT_OUTER, on=(original.domain_id == original_domain.id))
        .join_from(
            Delivery,
            ReplyTemplate,
            JOIN.LEFT_OUTER,
            on=(Delivery.reply_template_id == ReplyTemplate.id),
        )
        .where(Delivery.message_id.in_(message_ids))
        .order_by(fn.COALESCE(Delivery.first_try_us, Delivery.last_try_us), Delivery.number)
        .tuples()
    )
    attempts = _attempts(database, message_ids)
    deliveries: defaultdict[int, list[TracedDelivery]] = defaultdict(list)
    for row in rows.execute(database):
        to_local, to_domain, orig_local, orig_domain, state, direction = row[2:8]
        to = join_address(to_local, to_domain)
        orig = join_address(orig_local or b"", orig_domain or b"")
        tries = [(one["time_us"], _attempt(one, to, orig)) for one in attempts.get(row[:2], [])]
        delivery = TracedDelivery(to, orig, state, direction, judged(row[8:]), tries)
        deliveries[row[0]].append(delivery)
    return deliveries


def _attempts(
    database: Database, message_ids: Collection[int]
) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """Rows of all attempts by message and number of the recipient, oldest first."""
    of_deliveries = _told(
        Delivery,
        fn.COALESCE(Delivery.deciding_us, Delivery.last_try_us),
        Delivery.deciding_hash,
    ).where(Delivery.message_id.in_(message_ids) & Delivery.told_direction.is_null(is_null=False))
    others = _told(models.Attempt, models.Attempt.time_us, models.Attempt.line_hash).where(
        models.Attempt.message_id.in_(message_ids)
    )
    rows = [*of_deliveries.dicts().execute(database), *others.dicts().execute(database)]
    found: defaultdict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["time_us"], row["line_hash"])):
        found[row["message_id"], row["number"]].append(row)
    return found


def _told(table: Any, time_us: Any, line_hash: Any) -> Any:
    """Select what is kept of an attempt, columns named as the fields of Attempt."""
    return (
        table.select(
            table.message_id,
            table.number,
            time_us.alias("time_us"),
            line_hash.alias("line_hash"),
            table.told_direction.alias("direction"),
            *(getattr(table, name) for name in OWN),
            Relay.host.alias("relay_host"),
            Relay.address.alias("relay_address"),
            Relay.port.alias("relay_port"),
            *(getattr(Transport, name) for name in TRANSPORT),
        )
        .join(Relay, on=(table.relay_id == Relay.id))
        .join_from(table, Transport, on=(table.transport_id == Transport.id))
    )


def _attempt(row: dict[str, Any], recipient: bytes, original_recipient: bytes) -> Attempt:
    return Attempt(
        recipient=recipient,
        original_recipient=original_recipient,
        **{name: row[name] for name in AS_STORED},
        **unpack_timing(row["timing"])._asdict(),
    )
