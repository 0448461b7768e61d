"""From options to the contract's Filter, and to words that say what was asked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import typer

from mailtally.v1 import query_pb2, record_pb2
from mailtally_collector.query_cli.choices import BasisOption
from mailtally_collector.query_cli.selection import Selection
from mailtally_collector.query_cli.time_range import parse_moment, parse_range, shown

DEFAULT_RANGE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the options, the zone of times, and the range start <= t < end."""

    selection: Selection
    zone: ZoneInfo
    start: datetime
    end: datetime

    def filter(self) -> query_pb2.Filter:
        """The contract's form of it."""
        chosen = self.selection
        wire = query_pb2.Filter(
            time_basis=query_pb2.TimeBasis.Value(f"TIME_BASIS_{chosen.basis.name}"),
            servers=chosen.server or (),
            domain=chosen.domain or "",
            mailbox=chosen.mailbox or "",
            recipient_domain=chosen.recipient_domain or "",
            states=[
                query_pb2.DeliveryState.Value(f"DELIVERY_STATE_{state.name}")
                for state in chosen.state or ()
            ],
            directions=[
                record_pb2.Direction.Value(f"DIRECTION_{direction.name}")
                for direction in chosen.direction or ()
            ],
            traffic_classes=[
                record_pb2.TrafficClass.Value(f"TRAFFIC_CLASS_{kind.name}")
                for kind in chosen.traffic_class or ()
            ],
            reasons=chosen.reason or (),
            providers=chosen.provider or (),
            mail_filters=chosen.mail_filter or (),
            recipient=chosen.recipient or "",
            queue_id=chosen.queue_id or "",
            message_id=chosen.message_id or "",
            text=chosen.text or "",
            reply_codes=chosen.code or (),
            enhanced_statuses=chosen.enhanced_status or (),
            unknown_only=chosen.unknown,
        )
        wire.start.FromDatetime(self.start)
        wire.end.FromDatetime(self.end)
        return wire

    def words(self) -> str:
        """``outbound mail accepted from … to … with domain example.com``."""
        chosen = self.selection
        direction = ", ".join(chosen.direction or ("outbound",))
        verb = "accepted" if chosen.basis is BasisOption.ACCEPTED else "last tried"
        named = {
            "server": " or ".join(chosen.server or ()),
            "domain": chosen.domain,
            "mailbox": chosen.mailbox,
            "recipient domain": chosen.recipient_domain,
            "state": " or ".join(chosen.state or ()),
            "class": " or ".join(chosen.traffic_class or ()),
            "reason": " or ".join(chosen.reason or ()),
            "provider": " or ".join(chosen.provider or ()),
            "mail filter": " or ".join(chosen.mail_filter or ()),
            "recipient": chosen.recipient,
            "queue id": chosen.queue_id,
            "Message-ID": chosen.message_id,
            "text": chosen.text,
            "code": " or ".join(map(str, chosen.code or ())),
            "enhanced status": " or ".join(chosen.enhanced_status or ()),
            "replies": "that no rule knows" if chosen.unknown else "",
        }
        filters = ", ".join(f"{name} {value}" for name, value in named.items() if value)
        span = f"from {shown(self.start)} to {shown(self.end)} ({self.zone.key})"
        return f"{direction} mail {verb} {span}" + (f" with {filters}" if filters else "")


def question(selection: Selection, zone: ZoneInfo, now: datetime) -> Question:
    """Settle the range: --from to --to, or --range (24 hours) back from --to or ``now``.

    Raises typer.BadParameter for times that cannot be read, both --range and --from, or an end
    that is not after the start.
    """
    if selection.last and selection.start:
        raise typer.BadParameter("--range and --from exclude each other", param_hint="--range")
    end = parse_moment(selection.end, zone, "--to") if selection.end else now
    length = parse_range(selection.last) if selection.last else DEFAULT_RANGE
    try:
        start = (
            parse_moment(selection.start, zone, "--from")
            if selection.start
            else end.astimezone(UTC) - length
        )
        asked = Question(selection, zone, start.astimezone(zone), end.astimezone(zone))
    except OverflowError:
        raise typer.BadParameter("the range leaves the calendar") from None
    if start >= end:
        raise typer.BadParameter(f"the range ends ({shown(end)}) before it begins ({shown(start)})")
    return asked
