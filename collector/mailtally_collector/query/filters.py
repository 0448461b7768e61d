"""Which recipients a question is about: the one place that turns a filter into conditions.

Defaults  The 24 hours before now, by acceptance; outbound; classes MAIL and UNSPECIFIED, which is
          everything but notifications, probes and forwards. A message whose acceptance was not seen
          is UNSPECIFIED, and far more often mail than anything else.
Untried   Recipients of accepted messages that no line was seen for yet. They count as outbound, and
          have neither an address, a last try nor a reply: a filter on one of these leaves them out.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, replace
from typing import Any

from peewee import SQL, ColumnBase, Field, ModelSelect, fn

from mailtally_collector.durations import DAY_US
from mailtally_collector.store.models import (
    Address,
    Delivery,
    Domain,
    Failure,
    Message,
    ReplyTemplate,
    Server,
)
from mailtally_collector.store.names import split_address
from mailtally_collector.terms import DeliveryState, Direction, TimeBasis, TrafficClass

DEFAULT_DIRECTIONS = (int(Direction.OUTBOUND),)
DEFAULT_CLASSES = (int(TrafficClass.MAIL), int(TrafficClass.UNSPECIFIED))


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


@dataclass(frozen=True, slots=True)
class Selection:
    """A filter with its defaults filled in; ``states`` () means all."""

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

    def with_default_states(self, states: tuple[int, ...]) -> Selection:
        """Return the same selection with these states if it names none."""
        return self if self.states else replace(self, states=states)


def select(asked: Filter, now_us: int) -> Selection:
    """Fill in the defaults. Raises QueryError for a range that is empty or a basis not known."""
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
        domain=_bytes(asked.domain).lower(),
        mailbox=_bytes(asked.mailbox),
        recipient_domain=_bytes(asked.recipient_domain).lower(),
        states=asked.states,
        directions=asked.directions or DEFAULT_DIRECTIONS,
        traffic_classes=asked.traffic_classes or DEFAULT_CLASSES,
        reasons=asked.reasons,
        providers=asked.providers,
    )


@dataclass(frozen=True, slots=True)
class Recipients:
    """Where recipients are read from: all of them, or those that failed, by the same columns."""

    source: ModelSelect[Any]
    message_id: Field
    number: Field
    state: Field
    direction: Field
    last_try_us: Field
    recipient_domain_id: Field
    reply_template_id: Field
    message: type[Message | Failure]

    def moment(self, selection: Selection) -> Field:
        """The column by which the range selects and buckets group."""
        if selection.basis == TimeBasis.LAST_TRY:
            return self.last_try_us
        return self.message.arrival_us

    def select(self, *columns: Any) -> ModelSelect[Any]:
        """Select columns."""
        return self.source.select(*columns)


def _recipients(table: type[Delivery | Failure], message: Any) -> Recipients:
    source = table.select()
    if message is not table:
        same = (table.message_id == message.id) & (table.server_id == message.server_id)
        source = source.join(message, on=same)
    return Recipients(
        source=source,
        message_id=table.message_id,
        number=table.number,
        state=table.state,
        direction=table.direction,
        last_try_us=table.last_try_us,
        recipient_domain_id=table.recipient_domain_id,
        reply_template_id=table.reply_template_id,
        message=message,
    )


ALL_RECIPIENTS = _recipients(Delivery, Message)
FAILED_RECIPIENTS = _recipients(Failure, Failure)


def recipients_of(selection: Selection) -> Recipients:
    """Return the smaller table when it has all recipients that the selection can mean."""
    is_failed = selection.states and DeliveryState.DELIVERED not in selection.states
    has_reply = selection.reasons or selection.providers
    return FAILED_RECIPIENTS if is_failed or has_reply else ALL_RECIPIENTS


def recipient_conditions(selection: Selection, rows: Recipients) -> list[ColumnBase]:
    """Conditions on recipients."""
    moment = rows.moment(selection)
    conditions = [
        moment >= selection.start_us,
        moment < selection.end_us,
        rows.direction.in_(selection.directions),
        *_shared_conditions(selection, rows.message),
    ]
    if selection.states:
        conditions.append(rows.state.in_(selection.states))
    else:
        conditions.append(rows.state != DeliveryState.REQUEUED)
    if selection.recipient_domain:
        conditions.append(rows.recipient_domain_id == domain_id(selection.recipient_domain))
    return [*conditions, *judged_as(selection, rows.reply_template_id)]


def judged_as(selection: Selection, template_id: Field) -> list[ColumnBase]:
    """The condition on the column of a reply's template; none when no verdict is asked for."""
    verdicts = verdict_conditions(selection)
    if not verdicts:
        return []
    return [template_id.in_(ReplyTemplate.select(ReplyTemplate.id).where(*verdicts))]


def verdict_conditions(selection: Selection) -> list[ColumnBase]:
    """Conditions on what replies mean: a reason or its category, and who answered."""
    conditions: list[ColumnBase] = []
    if selection.reasons:
        whole = ReplyTemplate.reason.in_(selection.reasons)
        categories = [name for name in selection.reasons if "." not in name]
        within = (
            fn.SUBSTR(ReplyTemplate.reason, 1, len(name) + 1) == f"{name}." for name in categories
        )
        conditions.append(functools.reduce(operator.or_, within, whole))
    if selection.providers:
        conditions.append(
            ReplyTemplate.provider.in_(selection.providers)
            | ReplyTemplate.mail_filter.in_(selection.providers)
        )
    return conditions


def untried_conditions(selection: Selection) -> list[ColumnBase] | None:
    """Conditions on messages with untried recipients; None when the filter leaves them out."""
    if (
        selection.basis == TimeBasis.LAST_TRY
        or selection.recipient_domain
        or selection.reasons
        or selection.providers
        or Direction.OUTBOUND not in selection.directions
    ):
        return None
    conditions = [
        SQL("untried > 0"),  # in the words of the partial index
        Message.arrival_us >= selection.start_us,
        Message.arrival_us < selection.end_us,
        *_shared_conditions(selection, Message),
    ]
    if selection.states:
        conditions.append(Message.untried_state.in_(selection.states))
    return conditions


def _shared_conditions(selection: Selection, table: type[Failure | Message]) -> list[ColumnBase]:
    """Conditions on what messages have and the list of failures repeats."""
    conditions: list[ColumnBase] = [table.traffic_class.in_(selection.traffic_classes)]
    if selection.servers:
        conditions.append(table.server_id.in_(server_ids(selection.servers)))
    if selection.domain:
        conditions.append(table.sender_domain_id == domain_id(selection.domain))
    if selection.mailbox:
        local_part, domain = split_address(selection.mailbox)
        found = Address.select(Address.id).where(
            (Address.domain_id == domain_id(domain)) & (Address.local_part == local_part)
        )
        conditions.append(table.sender_id == found)
    return conditions


def server_ids(names: tuple[str, ...]) -> ModelSelect[Server]:
    """Return the ids of servers as a subquery."""
    return Server.select(Server.id).where(Server.name.in_(names))


def domain_id(name: bytes) -> ModelSelect[Domain]:
    """The id of a domain as a scalar subquery; no row, and so no match, when it is not known."""
    return Domain.select(Domain.id).where(Domain.name == name)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
