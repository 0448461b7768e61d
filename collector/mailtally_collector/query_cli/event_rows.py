"""One error event as a record for programs and as a row for people."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.export import Record
from mailtally_collector.query_cli.spam import NAMES as SPAM_NAMES
from mailtally_collector.query_cli.spam import spam_record, spam_shown
from mailtally_collector.query_cli.terminal import Cell, Column, Screen, Table, decoded
from mailtally_collector.query_cli.terms import (
    domain_of,
    sender_shown,
    smtp_code,
    state_style,
    term,
)
from mailtally_collector.query_cli.time_range import iso, moment_of, shown
from mailtally_collector.query_cli.verdict import NAMES as VERDICT_NAMES
from mailtally_collector.query_cli.verdict import advice_shown, verdict_record
from mailtally_collector.terms import DeliveryState, Direction, TrafficClass

NAMES = (
    "time",
    "server",
    "queue_id",
    "envelope_sender",
    "sender_domain",
    "recipient",
    "smtp_code",
    "reply_code",
    "enhanced_status",
    "state",
    "size_bytes",
    "attempts",
    "retries",
    "last_try",
    "reply_text",
    "accepted",
    "original_recipient",
    "relay_host",
    "relay_address",
    "relay_port",
    "traffic_class",
    "direction",
    "instance",
    "message",
    "number",
    "untried",
    *SPAM_NAMES,
    *VERDICT_NAMES,
)
COLUMNS = (
    Column("Date/Time"),
    Column("Server"),
    Column("Queue ID"),
    Column("From"),
    Column("From domain"),
    Column("To"),
    Column("SMTP code"),
    Column("State"),
    Column("Bytes", right=True),
    Column("Retry count", right=True),
    Column("Last try"),
    Column("Spam score", right=True),
    Column("Advice"),
    Column("Unknown code"),
    Column("Detail"),
)


def record(event: query_pb2.Event, zone: ZoneInfo) -> Record:
    """Keys NAMES. None where the log said nothing: no code, no size, no relay.

    An empty envelope_sender is the null sender.
    """
    sender = decoded(event.envelope_sender)
    return {
        "time": iso(moment_of(event, "time", zone)),
        "server": event.server,
        "queue_id": event.queue_id,
        "envelope_sender": sender,
        "sender_domain": domain_of(sender),
        "recipient": None if event.untried else decoded(event.recipient),
        "smtp_code": smtp_code(event.reply_code, event.enhanced_status),
        "reply_code": event.reply_code or None,
        "enhanced_status": event.enhanced_status or None,
        "state": term(DeliveryState, event.state),
        "size_bytes": event.size_bytes or None,
        "attempts": event.attempts,
        "retries": event.retries,
        "last_try": iso(moment_of(event, "last_try", zone)),
        "reply_text": decoded(event.reply_text),
        "accepted": iso(moment_of(event, "accepted", zone)),
        "original_recipient": decoded(event.original_recipient) or None,
        "relay_host": decoded(event.relay.host) or None,
        "relay_address": event.relay.address or None,
        "relay_port": event.relay.port or None,
        "traffic_class": term(TrafficClass, event.traffic_class),
        "direction": term(Direction, event.direction),
        "instance": event.instance,
        "message": event.message,
        "number": event.number,
        "untried": event.untried,
        **spam_record(event.spam_score),
        **verdict_record(event.verdict),
    }


def draw(screen: Screen, events: Sequence[query_pb2.Event], zone: ZoneInfo) -> None:
    """Write the table; nothing without events. "Retry count" is the number of attempts."""
    if events:
        screen.table(Table(COLUMNS, [_row(event, zone) for event in events]))


def line(screen: Screen, event: query_pb2.Event, zone: ZoneInfo) -> None:
    """Write an event in one line, for lists without an end."""
    gap = Cell("  ")
    cells: list[Cell] = []
    sender = sender_shown(decoded(event.envelope_sender))
    for cell in (
        Cell(shown(moment_of(event, "time", zone))),
        Cell(event.server),
        Cell(event.queue_id),
        Cell(term(DeliveryState, event.state), state_style(event.state)),
        Cell(smtp_code(event.reply_code, event.enhanced_status) or "-", "bold"),
        Cell(f"{sender} -> {decoded(event.recipient)}"),
        Cell(event.verdict.title or "-"),
        Cell(decoded(event.reply_text)),
    ):
        cells += [gap, cell] if cells else [cell]
    screen.line(*cells)


def _row(event: query_pb2.Event, zone: ZoneInfo) -> Sequence[Cell]:
    sender = decoded(event.envelope_sender)
    return (
        Cell(shown(moment_of(event, "time", zone))),
        Cell(event.server),
        Cell(event.queue_id),
        Cell(sender_shown(sender)),
        Cell(domain_of(sender) or "-"),
        Cell("(not seen)" if event.untried else decoded(event.recipient)),
        Cell(smtp_code(event.reply_code, event.enhanced_status) or "-", "bold"),
        Cell(term(DeliveryState, event.state), state_style(event.state)),
        Cell(str(event.size_bytes or "-")),
        Cell(str(event.attempts)),
        Cell(shown(moment_of(event, "last_try", zone))),
        Cell(spam_shown(event.spam_score)),
        Cell(advice_shown(event.verdict)),
        Cell("yes" if event.verdict.unknown else "no"),
        Cell(decoded(event.reply_text)),
    )
