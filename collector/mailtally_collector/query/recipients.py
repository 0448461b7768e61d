"""Where recipients are read from: all of them, or those that failed.

Failures  The table of recipients that are not delivered. Each has the template of its reply, and
          nobody who was delivered has one; it answers what only they can be meant by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import ColumnBase, Field, ModelSelect, fn

from mailtally_collector.durations import DAY_US
from mailtally_collector.query.filters import Selection
from mailtally_collector.store.models import Delivery, Failure, Message
from mailtally_collector.terms import DeliveryState, TimeBasis

SHORT_US = 2 * DAY_US


@dataclass(frozen=True, slots=True)
class Recipients:
    """Where recipients are read from: all of them, or those that failed, by the same columns."""

    source: ModelSelect[Any]
    message_id: Field
    number: Field
    server_id: Field
    state: Field
    direction: Field
    last_try_us: Field
    recipient_domain_id: Field
    reply_template_id: Field
    message: type[Message | Failure]

    @property
    def has_delivered(self) -> bool:
        """Whether those that got the mail are among them."""
        return self.message is Message

    def moment(self, selection: Selection) -> Any:
        """The moment by which the range selects and buckets group."""
        is_last_try = selection.basis == TimeBasis.LAST_TRY
        return self.last_try_us if is_last_try else self.message.arrival_us

    def in_range(self, selection: Selection, *, has_statistics: bool) -> list[ColumnBase]:
        """Conditions that the moment is in the range; ``has_statistics`` of how values are spread.

        Without them a database looks for failures of a long range by it, and reads them all, where
        only the newest are asked for, or another condition is. An expression is in no index.
        """
        moment = self.moment(selection)
        is_sought_by = self.has_delivered or is_short(selection) or has_statistics
        if selection.basis == TimeBasis.ACCEPTED and not is_sought_by:
            moment += 0
        return [moment >= selection.start_us, moment < selection.end_us]

    def select(self, *columns: Any) -> ModelSelect[Any]:
        """Select columns."""
        return self.source.select(*columns)


def of_message(rows: Any, message: Any) -> Any:
    """Join to the message; its rows lie where those of its server do (store/distribution.py)."""
    return (rows.message_id == message.id) & (rows.server_id == message.server_id)


def is_short(selection: Selection) -> bool:
    """Whether what was accepted in the range is best found by that, and then sorted."""
    length_us = selection.end_us - selection.start_us
    return selection.basis == TimeBasis.ACCEPTED and length_us <= SHORT_US


def _recipients(table: type[Delivery | Failure], message: Any) -> Recipients:
    source = table.select()
    if message is not table:
        source = source.join(message, on=of_message(table, message))
    return Recipients(
        source=source,
        message_id=table.message_id,
        number=table.number,
        server_id=table.server_id,
        state=table.state,
        direction=table.direction,
        last_try_us=table.last_try_us,
        recipient_domain_id=table.recipient_domain_id,
        reply_template_id=table.reply_template_id,
        message=message,
    )


ALL_RECIPIENTS = _recipients(Delivery, Message)
FAILED_RECIPIENTS = _recipients(Failure, Failure)


def decides(delivery: Any, attempt: Any) -> Any:
    """Join to the attempt that decides, when it is not the success that the delivery keeps."""
    return (
        (attempt.server_id == delivery.server_id)
        & (attempt.message_id == delivery.message_id)
        & (attempt.number == delivery.number)
        & (attempt.time_us == fn.COALESCE(delivery.deciding_us, delivery.last_try_us))
        & (attempt.line_hash == delivery.deciding_hash)
    )


def recipients_of(selection: Selection) -> Recipients:
    """Return the smaller table when it has all recipients that the selection can mean."""
    is_failed = selection.states and DeliveryState.DELIVERED not in selection.states
    return FAILED_RECIPIENTS if is_failed or selection.names_verdict else ALL_RECIPIENTS
