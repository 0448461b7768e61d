"""What a question is about: filters as they were asked, and with their defaults filled in.

Defaults  The 24 hours before now, by acceptance; outbound; classes MAIL and UNSPECIFIED, which is
          everything but notifications, probes and forwards. A message whose acceptance was not seen
          is UNSPECIFIED, and far more often mail than anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mailtally_collector.durations import DAY_US
from mailtally_collector.terms import Direction, TimeBasis, TrafficClass

DEFAULT_DIRECTIONS = (int(Direction.OUTBOUND),)
DEFAULT_CLASSES = (int(TrafficClass.MAIL), int(TrafficClass.UNSPECIFIED))
TEXT_MAX_BYTES = 1_000


class QueryError(ValueError):
    """The question cannot be answered as it was put; the message says why, for its author."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What was asked, as it came: empty or None means no condition, or the default."""

    start_us: int | None = None
    end_us: int | None = None
    basis: int = 0
    servers: tuple[str, ...] = ()
    domain: str = ""
    mailbox: str = ""
    recipient_domain: str = ""
    states: tuple[int, ...] = ()
    directions: tuple[int, ...] = ()
    traffic_classes: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    text: str = ""
    queue_id: str = ""
    message_id: str = ""
    recipient: str = ""
    reply_codes: tuple[int, ...] = ()
    enhanced_statuses: tuple[str, ...] = ()
    unknown_only: bool = False
    mail_filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter with its defaults filled in; ``states`` () means all. ``text`` in small letters."""

    start_us: int
    end_us: int
    basis: int
    servers: tuple[str, ...]
    domain: bytes
    mailbox: bytes
    recipient_domain: bytes
    states: tuple[int, ...]
    directions: tuple[int, ...]
    traffic_classes: tuple[int, ...]
    reasons: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    text: bytes = b""
    queue_id: str = ""
    message_id: bytes = b""
    recipient: bytes = b""
    reply_codes: tuple[int, ...] = ()
    enhanced_statuses: tuple[str, ...] = ()
    unknown_only: bool = False
    mail_filters: tuple[str, ...] = ()

    def with_default_states(self, states: tuple[int, ...]) -> Selection:
        """Return the same selection with these states if it names none."""
        return self if self.states else replace(self, states=states)

    @property
    def names_verdict(self) -> bool:
        """Whether only recipients whose reply was judged can be meant: failures."""
        return bool(self.reasons or self.unknown_only)

    @property
    def names_reply(self) -> bool:
        """Whether it asks for something that a reply's template tells of a failure."""
        return bool(
            self.names_verdict
            or self.providers
            or self.mail_filters
            or self.reply_codes
            or self.enhanced_statuses
        )

    @property
    def names_one(self) -> bool:
        """Whether it asks for something that is known of single messages and recipients only."""
        return bool(
            self.mailbox
            or self.recipient_domain
            or self.text
            or self.queue_id
            or self.message_id
            or self.recipient
        )


def select(asked: Filter, now_us: int) -> Selection:
    """Fill in the defaults. Raises QueryError for an empty range, an unknown basis or bad text."""
    end_us = now_us if asked.end_us is None else asked.end_us
    start_us = end_us - DAY_US if asked.start_us is None else asked.start_us
    if end_us <= start_us:
        raise QueryError("the range is empty: its end must lie after its start")
    if asked.basis not in set(TimeBasis):
        raise QueryError(f"time basis {asked.basis} is not known")
    return Selection(
        start_us=start_us,
        end_us=end_us,
        basis=asked.basis or TimeBasis.ACCEPTED,
        servers=asked.servers,
        domain=as_bytes(asked.domain).lower(),
        mailbox=as_bytes(asked.mailbox),
        recipient_domain=as_bytes(asked.recipient_domain).lower(),
        states=asked.states,
        directions=asked.directions or DEFAULT_DIRECTIONS,
        traffic_classes=asked.traffic_classes or DEFAULT_CLASSES,
        reasons=asked.reasons,
        providers=asked.providers,
        text=_sought(as_bytes(asked.text)),
        queue_id=asked.queue_id,
        message_id=as_bytes(asked.message_id),
        recipient=as_bytes(asked.recipient),
        reply_codes=asked.reply_codes,
        enhanced_statuses=asked.enhanced_statuses,
        unknown_only=asked.unknown_only,
        mail_filters=asked.mail_filters,
    )


def as_bytes(text: str) -> bytes:
    """Give the bytes that a text from the command line or the wire stands for."""
    return text.encode("utf-8", "surrogateescape")


def _sought(text: bytes) -> bytes:
    """Give a text as replies are searched for it."""
    if len(text) > TEXT_MAX_BYTES:
        raise QueryError(f"the text to look for is longer than {TEXT_MAX_BYTES} bytes")
    if any(byte < 32 and byte != 9 for byte in text):
        raise QueryError("the text to look for holds control characters")
    return text.lower()
