"""What a message adds to the roll-ups and to the list of failures; plain functions of its rows.

Gives     ``figures(mail)``: where it stands in roll-ups (0 for no domain, sender, template or
          provider). The difference to what it was counted as before is what a batch adds, so that
          roll-ups are the sum over all messages.
Outcomes  A mask with a bit for each pair of direction and state: a recipient has one, a message
          those of its recipients. Requeued recipients are in no count. Untried ones are outbound.
"""

from collections.abc import Iterable

from mailtally_collector.durations import HOUR_US, QUARTER_US
from mailtally_collector.store.mail import DeliveryRow, Figure, Figures, Mail
from mailtally_collector.terms import DeliveryState, Direction

STATES = 8
DIRECTIONS = 4
UNCOUNTED = int(DeliveryState.REQUEUED)


def outcome_bit(direction: int, state: int) -> int:
    """Return the bit of a pair; a direction that this version does not know counts as none.

    >>> outcome_bit(Direction.OUTBOUND, DeliveryState.DELIVERED) == 1 << 9
    True
    """
    return 1 << (direction if direction < DIRECTIONS else 0) * STATES + state - 1


def outcome_of(bit: int) -> tuple[int, int]:
    """Return (direction, state) of a bit.

    >>> outcome_of(1 << 9) == (Direction.OUTBOUND, DeliveryState.DELIVERED)
    True
    """
    direction, state = divmod(bit.bit_length() - 1, STATES)
    return direction, state + 1


def outcomes(directions: Iterable[int], states: Iterable[int]) -> int:
    """Return the mask of all pairs."""
    return sum({outcome_bit(direction, state) for direction in directions for state in states})


def figures(mail: Mail) -> Figures:
    """Count the recipients of a message, and the message itself."""
    row = mail.row
    hour, rest_us = divmod(row.arrival_us, HOUR_US)
    place = (hour, rest_us // QUARTER_US, row.server_id, row.traffic_class)
    sender = (row.sender_domain_id or 0, row.sender_id or 0)
    recipients: dict[Figure, int] = {}
    mask = 0
    for delivery in mail.deliveries.values():
        if delivery.state == UNCOUNTED:
            continue
        bit = outcome_bit(delivery.direction, delivery.state)
        mask |= bit
        figure = (*place, bit, *sender, delivery.reply_template_id or 0, delivery.provider_id)
        recipients[figure] = recipients.get(figure, 0) + 1
    if row.untried:
        bit = outcome_bit(Direction.OUTBOUND, row.untried_state)
        mask |= bit
        figure = (*place, bit, *sender, 0, 0)
        recipients[figure] = recipients.get(figure, 0) + row.untried
    return Figures(recipients, (*place, mask, *sender, 0, 0) if mask else None)


# Columns of the table failure behind its key.
FAILING = (
    *("server_id", "sender_id", "sender_domain_id", "recipient_domain_id", "reply_template_id"),
    *("state", "direction", "traffic_class", "arrival_us", "last_try_us"),
)


def failing(mail: Mail, delivery: DeliveryRow) -> tuple[object, ...] | None:
    """Return the columns of FAILING; None for a recipient that got the mail."""
    if delivery.state == DeliveryState.DELIVERED:
        return None
    row = mail.row
    return (
        row.server_id,
        row.sender_id,
        row.sender_domain_id,
        delivery.recipient_domain_id,
        delivery.reply_template_id,
        delivery.state,
        delivery.direction,
        row.traffic_class,
        row.arrival_us,
        delivery.last_try_us,
    )
