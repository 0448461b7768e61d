"""From a selection and a scope to conditions: the one place, so that no question can forget one.

Untried   Recipients of accepted messages that no line was seen for yet. They count as outbound, and
          have neither an address, a last try nor a reply: a filter on one of these leaves them out.
          Who receives them is not known, which a filter may ask for.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import replace
from typing import Any

from peewee import JOIN, SQL, ColumnBase, Database, ModelSelect, fn

from mailtally_collector.classify.taxonomy import UNKNOWN
from mailtally_collector.durations import DAY_US
from mailtally_collector.query.filters import Selection
from mailtally_collector.query.receiver import (
    NOBODY,
    UNLISTED,
    delivery_received_by,
    delivery_through,
    template_received_by,
)
from mailtally_collector.query.recipients import Recipients, decides
from mailtally_collector.query.reply_text import holds_text
from mailtally_collector.query.scope import Scope
from mailtally_collector.store.dialect import is_postgres
from mailtally_collector.store.message_row import message_id_key
from mailtally_collector.store.models import (
    Address,
    Attempt,
    Delivery,
    Domain,
    Failure,
    Message,
    ReplyTemplate,
    Server,
)
from mailtally_collector.store.names import split_address
from mailtally_collector.terms import DeliveryState, Direction, TimeBasis

# More days than a query may name values: then it reads through the messages.
DAYS_MAX = 20_000


def recipient_conditions(
    database: Database, scope: Scope, selection: Selection, rows: Recipients
) -> list[ColumnBase]:
    """Conditions on recipients."""
    conditions = [
        *rows.in_range(selection, has_statistics=is_postgres(database)),
        rows.direction.in_(selection.directions),
        *_message_conditions(database, scope, selection, rows.message, rows.message_id),
    ]
    if selection.states:
        conditions.append(rows.state.in_(selection.states))
        if not rows.has_delivered and DeliveryState.BOUNCED not in selection.states:
            # In the words of the partial index.
            conditions.append(rows.state != SQL(str(int(DeliveryState.BOUNCED))))
    else:
        conditions.append(rows.state != DeliveryState.REQUEUED)
    if selection.recipient_domain:
        conditions.append(rows.recipient_domain_id == domain_id(selection.recipient_domain))
    if selection.recipient:
        conditions.append(_is_to(selection.recipient, rows))
    if selection.text:
        conditions.append(_says(database, selection.text, rows))
    return [*conditions, *_reply_conditions(selection, rows)]


def untried_conditions(
    database: Database, scope: Scope, selection: Selection
) -> list[ColumnBase] | None:
    """Conditions on messages with untried recipients; None when the filter leaves them out."""
    if (
        selection.basis == TimeBasis.LAST_TRY
        or selection.recipient_domain
        or selection.recipient
        or selection.text
        or replace(selection, providers=()).names_reply
        or (selection.providers and UNLISTED not in selection.providers)
        or Direction.OUTBOUND not in selection.directions
    ):
        return None
    conditions = [
        SQL("untried > 0"),  # in the words of the partial index
        Message.arrival_us >= selection.start_us,
        Message.arrival_us < selection.end_us,
        *_message_conditions(database, scope, selection, Message, Message.id),
    ]
    if selection.states:
        conditions.append(Message.untried_state.in_(selection.states))
    return conditions


def judged_as(selection: Selection, template_id: Any) -> list[ColumnBase]:
    """The condition on the column of a failure's template; none when none is asked for."""
    wanted = _template_conditions(selection)
    if not wanted:
        return []
    return [template_id.in_(ReplyTemplate.select(ReplyTemplate.id).where(*wanted))]


def server_ids(names: tuple[str, ...]) -> ModelSelect[Server]:
    """Return the ids of servers as a subquery."""
    return Server.select(Server.id).where(Server.name.in_(names))


def domain_id(name: bytes) -> ModelSelect[Domain]:
    """The id of a domain as a scalar subquery; no row, and so no match, when it is not known."""
    return Domain.select(Domain.id).where(Domain.name == name)


def address_id(address: bytes) -> ModelSelect[Address]:
    """The id of an address, in the same way."""
    local_part, domain = split_address(address)
    return Address.select(Address.id).where(
        (Address.domain_id == domain_id(domain)) & (Address.local_part == local_part)
    )


def has_message_id(database: Database, message_id: bytes) -> ColumnBase:
    """Condition on messages: the Message-ID, with or without its angle brackets.

    Its index goes by days, so that it is asked for each day from the first message to the last.
    """
    bare = message_id.removeprefix(b"<").removesuffix(b">")
    found = Message.message_id.in_([bare, b"<" + bare + b">"])
    # One at a time: SQLite would look through the whole index for both.
    first_us = Message.select(fn.MIN(Message.arrival_us)).scalar(database)
    last_us = Message.select(fn.MAX(Message.arrival_us)).scalar(database)
    if first_us is None or (last_us - first_us) // DAY_US > DAYS_MAX:
        return found
    days = range(first_us // DAY_US, last_us // DAY_US + 1)
    keys = [key for day in days if (key := message_id_key(bare, day)) is not None]
    return Message.message_id_key.in_(keys) & found


def messages_to(address: bytes) -> ModelSelect[Delivery]:
    """Ids of the messages that have the address as recipient, before or after aliasing."""
    one = Delivery.alias()
    return one.select(one.message_id).where(_named(one, address))


def _named(delivery: Any, address: bytes) -> Any:
    wanted = address_id(address)
    return (delivery.recipient_id == wanted) | (delivery.original_recipient_id == wanted)


def _message_conditions(
    database: Database,
    scope: Scope,
    selection: Selection,
    table: type[Failure | Message],
    message_id: Any,
) -> list[ColumnBase]:
    """Conditions on what messages have and the list of failures mostly repeats."""
    conditions: list[ColumnBase] = [
        table.traffic_class.in_(selection.traffic_classes),
        *scope.conditions(table.sender_domain_id),
    ]
    if selection.servers:
        conditions.append(table.server_id.in_(server_ids(selection.servers)))
    if selection.domain:
        conditions.append(table.sender_domain_id == domain_id(selection.domain))
    if selection.mailbox:
        conditions.append(table.sender_id == address_id(selection.mailbox))
    named: list[ColumnBase] = []
    if selection.queue_id:
        named.append(Message.queue_id == selection.queue_id)
    if selection.message_id:
        named.append(has_message_id(database, selection.message_id))
    if named and table is Message:
        conditions += named
    elif named:
        conditions.append(message_id.in_(Message.select(Message.id).where(*named)))
    return conditions


def _template_conditions(selection: Selection) -> list[ColumnBase]:
    """Conditions on reply templates: codes, reason or category, who answered, who receives."""
    conditions: list[ColumnBase] = []
    if selection.reasons:
        whole = ReplyTemplate.reason.in_(selection.reasons)
        categories = [name for name in selection.reasons if "." not in name]
        within = (
            fn.SUBSTR(ReplyTemplate.reason, 1, len(name) + 1) == f"{name}." for name in categories
        )
        conditions.append(functools.reduce(operator.or_, within, whole))
    if selection.unknown_only:
        conditions.append(ReplyTemplate.reason == UNKNOWN)
    if selection.reply_codes:
        conditions.append(ReplyTemplate.reply_code.in_(selection.reply_codes))
    if selection.enhanced_statuses:
        conditions.append(ReplyTemplate.enhanced_status.in_(selection.enhanced_statuses))
    if selection.providers:
        conditions.append(template_received_by(_provider_ids(selection)))
    if selection.mail_filters:
        conditions.append(ReplyTemplate.mail_filter.in_(selection.mail_filters))
    return conditions


def _reply_conditions(selection: Selection, rows: Recipients) -> list[ColumnBase]:
    """Conditions on replies; a recipient that got the mail has one too, but no template.

    Not for all recipients when a verdict is named (``recipients_of``).
    """
    failed = judged_as(selection, rows.reply_template_id)
    if not rows.has_delivered or not failed:
        return failed
    got: list[ColumnBase] = [rows.state == DeliveryState.DELIVERED]
    if selection.reply_codes:
        got.append(Delivery.reply_code.in_(selection.reply_codes))
    if selection.enhanced_statuses:
        got.append(Delivery.enhanced_status.in_(selection.enhanced_statuses))
    if selection.providers:
        got.append(delivery_received_by(_provider_ids(selection)))
    if selection.mail_filters:
        got.append(delivery_through(selection.mail_filters))
    return [failed[0] | functools.reduce(operator.and_, got)]


def _provider_ids(selection: Selection) -> tuple[str, ...]:
    return tuple(NOBODY if name == UNLISTED else name for name in selection.providers)


def _is_to(address: bytes, rows: Recipients) -> ColumnBase:
    """Condition: this is the recipient's address, before or after aliasing."""
    one = Delivery.alias()
    found = one.select(SQL("1")).where(
        (one.message_id == rows.message_id) & (one.number == rows.number) & _named(one, address)
    )
    return rows.message_id.in_(messages_to(address)) & fn.EXISTS(found)


def _says(database: Database, text: bytes, rows: Recipients) -> ColumnBase:
    """Condition: the reply that decides holds the text."""
    one, tried = Delivery.alias(), Attempt.alias()
    reply = fn.COALESCE(one.reply_text, tried.reply_text)
    found = (
        one.select(SQL("1"))
        .join(tried, JOIN.LEFT_OUTER, on=decides(one, tried))
        .where(
            (one.message_id == rows.message_id)
            & (one.number == rows.number)
            & holds_text(database, reply, text)
        )
    )
    return fn.EXISTS(found)
