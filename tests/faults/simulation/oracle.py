"""What must hold when everything is at rest: the database says what the ledgers say.

Gives     ``judge``: a Verdict, whose ``faults`` tell in words what is wrong.
Holds     Every line that must be stored is, once; one that may be, once at most; nothing else is.
          Roll-ups are what the rows say, and count nobody twice. Messages with all their lines are
          there once, their recipients in the state that the lines tell.
          What is missing is on no disk any more, and was reported as a gap. Where nothing was lost
          and nothing suspicious happened, no gap was reported.
"""

from collections import Counter
from dataclasses import dataclass, field

from mailtally_collector.terms import DeliveryState
from tests.faults.simulation.ledger import Attempt, Life
from tests.faults.simulation.machine import Machine
from tests.faults.simulation.rows import SECOND_US, ServerRows, read_rows
from tests.faults.simulation.world import World

# After these some lines may be missing, as far as an agent can know.
SUSPICIOUS = frozenset(
    {"copytruncate", "power-cut", "old-checkpoint", "no-checkpoint", "torn-checkpoint", "restore"}
)
STATES = {
    "sent": DeliveryState.DELIVERED,
    "bounced": DeliveryState.BOUNCED,
    "deferred": DeliveryState.PENDING,
}


@dataclass(slots=True)
class Verdict:
    """What was looked at, and what was found.

    in_gaps  deliveries that are missing and may be: in a reported gap, or before the first line
    faults   in words
    """

    lines: int = 0
    attempts: int = 0
    lost: int = 0
    twice: int = 0
    ghosts: int = 0
    silent: int = 0
    in_gaps: int = 0
    faults: list[str] = field(default_factory=list)


def judge(world: World) -> Verdict:
    """Compare."""
    verdict = Verdict()
    verdict.faults += world.troubles
    if not world.rested:
        verdict.faults.append("did not come to rest")
    rows = read_rows(world.storage)
    if rows.wrong:
        verdict.faults.append(f"roll-ups differ from the rows: {dict(rows.wrong)}")
    for machine in world.machines:
        found = rows.servers.get(machine.plan.server, ServerRows())
        _Judge(world, machine, found, verdict).judge()
    return verdict


class _Judge:
    """Compares one machine with the rows of its server."""

    def __init__(self, world: World, machine: Machine, rows: ServerRows, verdict: Verdict) -> None:
        self._world = world
        self._machine = machine
        self._ledger = machine.ledger
        self._rows = rows
        self._verdict = verdict
        tried = [(one.attempt, one) for one in self._ledger.lines if one.attempt]
        self._sure = Counter(attempt for attempt, line in tried if line.sure)
        self._unsure = Counter(attempt for attempt, line in tried if not line.sure)
        self._missing = self._sure - rows.attempts
        self._on_disk = machine.rotation.texts()
        self._there = {attempt: self._on_disk[line.text] for attempt, line in tried if line.sure}
        # Where lines vanished, those of one message may read like those of the one before it.
        # Where a clock was set back, moments do not tell which message a line is about.
        self._vague = {
            life.queue_id
            for life in self._ledger.lives
            if machine.back_us or not all(one.sure for one in life.lines)
        }

    def _is_too_old(self, attempt: Attempt) -> bool:
        """Whether it was not taken because of retention (store/horizon.py), or may be so."""
        horizon_us = self._world.horizon_us
        lives = (one for one in self._ledger.lives if one.queue_id == attempt.queue_id)
        return any(
            one.lines and one.lines[0].time_us < horizon_us
            for one in lives
            if attempt.queue_id in self._vague or attempt.recipient in one.recipients
        )

    def judge(self) -> None:
        """Look at everything."""
        self._verdict.lines += len(self._ledger.lines)
        self._verdict.attempts += sum(self._sure.values()) + sum(self._unsure.values())
        for error in self._machine.crashes:
            self._fault(f"agent ended by itself: {error}")
        for attempt, count in self._missing.items():
            self._judge_missing(attempt, count)
        for attempt, count in (self._rows.attempts - self._sure - self._unsure).items():
            self._judge_surplus(attempt, count)
        self._judge_gaps()
        self._judge_messages()
        for life in self._ledger.lives:
            if life.queue_id not in self._vague:
                self._judge_states(life)

    def _fault(self, what: str) -> None:
        self._verdict.faults.append(f"{self._machine.plan.server}: {what}")

    def _judge_missing(self, attempt: Attempt, count: int) -> None:
        back_us = self._machine.back_us
        if self._is_too_old(attempt):
            self._verdict.in_gaps += count
        elif self._rows.attempts[attempt] < self._there[attempt]:
            self._verdict.lost += count
            self._fault(f"lost, and still in the log: {attempt}")
        elif attempt.time_us // SECOND_US <= self._rows.oldest_us // SECOND_US or any(
            gap.covers(attempt.time_us, back_us) for gap in self._rows.gaps
        ):
            # What was before the first line is not known of, and nobody says that it is.
            self._verdict.in_gaps += count
        else:
            self._verdict.silent += count
            self._fault(f"lost without a reported gap: {attempt}")

    def _judge_surplus(self, attempt: Attempt, count: int) -> None:
        if count == 1 and self._ledger.may_be_glued(attempt.queue_id):
            return
        if self._sure[attempt] + self._unsure[attempt]:
            self._verdict.twice += count
            self._fault(f"counted twice: {attempt}")
        else:
            self._verdict.ghosts += count
            self._fault(f"nothing of the kind was written: {attempt}")

    def _judge_gaps(self) -> None:
        destroyed = self._machine.rotation.deleted or any(
            not one.sure or one.text not in self._on_disk for one in self._ledger.lines
        )
        kinds = {step.kind for step in self._world.schedule.faults}
        for gap in self._rows.gaps:
            if gap.certain and not (destroyed or self._machine.forgot):
                self._fault(f"{gap}, and nothing was destroyed")
            elif not destroyed and kinds.isdisjoint(SUSPICIOUS):
                self._fault(f"{gap}, and nothing happened")

    def _judge_messages(self) -> None:
        """Messages and recipients once each, in rows and in roll-ups."""
        lives = Counter(life.queue_id for life in self._ledger.lives if life.lines)
        for queue_id, count in self._rows.messages.items():
            unclear = queue_id in self._vague or self._ledger.may_be_glued(queue_id)
            if count > lives[queue_id] and not unclear:
                self._twice(f"{count} messages of {lives[queue_id]}: {queue_id}")
        for (queue_id, recipient), states in self._rows.states.items():
            if len(states) > 1 and queue_id not in self._vague:
                self._twice(f"in {len(states)} places: {queue_id} {recipient!r}")
        written = sum(len(life.recipients) for life in self._ledger.lives)
        if not self._vague and self._rows.recipients > written:
            self._twice(f"roll-ups count {self._rows.recipients} recipients of {written}")

    def _twice(self, what: str) -> None:
        self._verdict.twice += 1
        self._fault(what)

    def _judge_states(self, life: Life) -> None:
        attempts = [one.attempt for one in life.lines if one.attempt and one.written]
        if any(attempt in self._missing for attempt in attempts):
            return
        for recipient, state in {one.recipient: STATES[one.status] for one in attempts}.items():
            found = self._rows.states.get((life.queue_id, recipient))
            if found is not None and found != [state]:
                self._fault(f"state {found}, not {state}: {life.queue_id} {recipient!r}")
