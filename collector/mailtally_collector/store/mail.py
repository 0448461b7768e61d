"""A message with all that belongs to it, while batches work on it.

Gives     ``Mail``: the row of the message, its recipients, changes and score, and what was last
          written of them. What is to be written follows from comparing the two.
Limits    Mutable on purpose, and used by the writer thread only.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from mailtally_collector.delivery_state import (
    Deciding,
    delivery_state,
    is_final,
    message_end,
)
from mailtally_collector.records import Attempt, RecordKey, SpamScore
from mailtally_collector.store.message_row import MessageRow, indexed_of
from mailtally_collector.terms import AttemptOutcome, MessageChange

SUCCESSES = (AttemptOutcome.SENT, AttemptOutcome.DELIVERABLE)
RecipientKey = tuple[int, int | None]
Change = tuple[int, int, int]
AttemptKey = tuple[int, int]
# Hour, quarter, server, class, outcomes, domain, sender, template and provider (rollup.py).
Figure = tuple[int, int, int, int, int, int, int, int, int]


class Figures(NamedTuple):
    """What a message adds to roll-ups: recipients by figure, and the message itself."""

    recipients: dict[Figure, int]
    message: Figure | None


NO_FIGURES = Figures({}, None)


class Told(NamedTuple):
    """What a line told of an attempt, names as numbers; the columns that two tables share.

    ``timing``  numbers, packed (timing.py).
    """

    told_direction: int
    relay_id: int
    transport_id: int
    reply_text: bytes
    timing: bytes


TOLD = Told._fields
NOTHING_TOLD = (None,) * len(TOLD)


class Named(NamedTuple):
    """Numbers for what an attempt names; a template for a failure, else who received it."""

    recipient_id: int
    recipient_domain_id: int
    original_recipient_id: int | None
    reply_template_id: int | None
    provider_id: int


@dataclass(slots=True, eq=False)
class DeliveryRow:
    """One recipient; ``told`` is of the attempt that decides when that succeeded.

    ``failing``  the row of failure as it was last written; None for none.
    """

    number: int
    recipient_id: int
    original_recipient_id: int | None
    recipient_domain_id: int
    provider_id: int = 0
    state: int = 0
    direction: int = 0
    attempts: int = 0
    first_try_us: int = 0
    last_try_us: int = 0
    deciding_us: int = 0
    deciding_hash: int = 0
    outcome: int = 0
    reply_code: int = 0
    enhanced_status: str = ""
    reply_template_id: int | None = None
    told: Told | None = None
    is_stored: bool = False
    is_changed: bool = False
    failing: tuple[object, ...] | None = None

    @property
    def rank(self) -> Deciding:
        """Rank of the attempt that decides."""
        return Deciding(is_final(self.outcome), self.deciding_us, self.deciding_hash)


@dataclass(slots=True, eq=False)
class Mail:
    """One message.

    ``deliveries``  by recipient and original recipient.  ``changes``  all lines that told one.
    ``score``       the newest, with its key.  ``new_attempts``  rows to insert.
    ``written``     the indexed columns as they were last written, None for a new message.
    ``handed_down`` the lineage that those who continue it were last told.
    ``counted``     what roll-ups were last told (rollup.py).
    """

    row: MessageRow
    deliveries: dict[RecipientKey, DeliveryRow] = field(default_factory=dict)
    changes: set[Change] = field(default_factory=set)
    score: tuple[RecordKey, SpamScore] | None = None
    new_changes: list[Change] = field(default_factory=list)
    new_attempts: list[tuple[object, ...]] = field(default_factory=list)
    score_changed: bool = False
    score_stored: bool = False
    written: tuple[object, ...] | None = None
    handed_down: tuple[int | None, ...] = (0, None, 0)
    counted: Figures = NO_FIGURES

    def note_written(self) -> None:
        """Remember what is in the tables now."""
        self.written = indexed_of(self.row)
        self.new_changes.clear()
        self.new_attempts.clear()
        self.score_changed = False
        self.score_stored = self.score is not None
        for delivery in self.deliveries.values():
            delivery.is_stored, delivery.is_changed = True, False

    def change(self, one: Change) -> bool:
        """Note a change of the whole message; False when its line was known.

        Of the lines that say completed the newest is kept in the row, the others as events.
        """
        if one in self.changes:
            return False
        self.changes.add(one)
        row = self.row
        if one[2] != MessageChange.COMPLETED:
            self.new_changes.append(one)
        elif row.completed_us is None or row.completed_hash is None:
            row.completed_us, row.completed_hash = one[:2]
        else:
            newest, other = max(one[:2], was := (row.completed_us, row.completed_hash)), was
            if newest == was:
                other = one[:2]
            row.completed_us, row.completed_hash = newest
            self.new_changes.append((*other, int(MessageChange.COMPLETED)))
        return True

    def refresh_end(self) -> bool:
        """Work out how the message stands, and its open deliveries; False when as before."""
        end = message_end(self.changes)
        row = self.row
        if end == row.end:
            return False
        row.end_change, row.ended_us, row.held = end.change, end.ended_us, end.held
        for delivery in self.deliveries.values():
            if not is_final(delivery.outcome):
                delivery.state = int(delivery_state(AttemptOutcome.DEFERRED, end))
                delivery.is_changed = True
        return True

    def add_score(self, key: RecordKey, what: SpamScore) -> bool:
        """Keep the score when its line is the newest that tells one; False when it is not."""
        if self.score is not None and key <= self.score[0]:
            return False
        self.score, self.score_changed = (key, what), True
        return True

    def attempt(
        self,
        key: RecordKey,
        what: Attempt,
        named: Named,
        told: Told,
    ) -> None:
        """Count an attempt that was not known in its delivery, a new one if need be."""
        at = (named.recipient_id, named.original_recipient_id)
        delivery = self.deliveries.get(at)
        if delivery is None:
            delivery = DeliveryRow(len(self.deliveries), *at, named.recipient_domain_id)
            delivery.first_try_us = delivery.last_try_us = key.time_us
            self.deliveries[at] = delivery
            self.row.known_recipients += 1
        delivery.is_changed = True
        delivery.attempts += 1
        delivery.first_try_us = min(delivery.first_try_us, key.time_us)
        delivery.last_try_us = max(delivery.last_try_us, key.time_us)
        rank = Deciding(is_final(what.outcome), key.time_us, key.line_hash)
        if delivery.attempts > 1 and rank < delivery.rank:
            self._keep_attempt(delivery, key.time_us, key.line_hash, told, _answer(what))
            return
        if delivery.told is not None:
            was = (delivery.outcome, delivery.reply_code, delivery.enhanced_status)
            self._keep_attempt(
                delivery, delivery.deciding_us, delivery.deciding_hash, delivery.told, was
            )
        delivery.told = told if what.outcome in SUCCESSES else None
        if delivery.told is None:
            self._keep_attempt(delivery, key.time_us, key.line_hash, told, _answer(what))
        delivery.deciding_us, delivery.deciding_hash = key.time_us, key.line_hash
        delivery.outcome, delivery.reply_code, delivery.enhanced_status = _answer(what)
        delivery.reply_template_id = named.reply_template_id
        delivery.provider_id = named.provider_id
        delivery.direction = what.direction
        delivery.state = int(delivery_state(what.outcome, self.row.end))

    def _keep_attempt(
        self,
        delivery: DeliveryRow,
        time_us: int,
        line_hash: int,
        told: Told,
        answer: tuple[int, int, str],
    ) -> None:
        """Have an attempt written that does not decide, or did not succeed."""
        key = (self.row.id, delivery.number, time_us, line_hash, self.row.server_id)
        self.new_attempts.append((*key, *answer, *told))


def _answer(what: Attempt) -> tuple[int, int, str]:
    return (what.outcome, what.reply_code, what.enhanced_status)
