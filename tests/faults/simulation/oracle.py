"""What must hold when everything is at rest: the database says what the ledgers say.

Gives     ``judge``: the faults found, in words; none for a good run. ``Verdict`` counts them.
Holds     Every line that must be stored is, once; one that may be, once at most; nothing else is.
          Roll-ups are what the rows say. Messages with all their lines have their state.
          What is missing is on no disk any more, and was reported as a gap. Where nothing was
          destroyed, no gap was reported.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from mailtally_collector.store.recount import recount, span_of_rows
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.terms import DeliveryState
from tests.faults.simulation.database import VirtualDatabase
from tests.faults.simulation.ledger import Attempt, Life
from tests.faults.simulation.machine import Machine
from tests.faults.simulation.world import World

ATTEMPTS = """
SELECT s.name, m.queue_id, r.local_part, o.name, a.time_us, t.status, a.reply_text
  FROM attempt a JOIN delivery d ON d.message_id = a.message_id AND d.number = a.number
  JOIN message m ON m.id = a.message_id JOIN server s ON s.id = m.server_id
  JOIN address r ON r.id = d.recipient_id JOIN domain o ON o.id = r.domain_id
  JOIN transport t ON t.id = a.transport_id
UNION ALL
SELECT s.name, m.queue_id, r.local_part, o.name, COALESCE(d.deciding_us, d.last_try_us), t.status,
       d.reply_text
  FROM delivery d JOIN message m ON m.id = d.message_id JOIN server s ON s.id = m.server_id
  JOIN address r ON r.id = d.recipient_id JOIN domain o ON o.id = r.domain_id
  JOIN transport t ON t.id = d.transport_id
 WHERE d.told_direction IS NOT NULL
"""
DELIVERIES = """
SELECT s.name, m.queue_id, r.local_part, o.name, d.state, d.attempts
  FROM delivery d JOIN message m ON m.id = d.message_id JOIN server s ON s.id = m.server_id
  JOIN address r ON r.id = d.recipient_id JOIN domain o ON o.id = r.domain_id
"""
GAPS = """
SELECT s.name, g.from_us, g.to_us, g.certain, g.cause
  FROM gap g JOIN server s ON s.id = g.server_id
"""
# What roll-ups count, after retention too.
RECIPIENTS = """
SELECT s.name, SUM(t.recipients_00 + t.recipients_15 + t.recipients_30 + t.recipients_45)
  FROM traffic_hour t JOIN server s ON s.id = t.server_id GROUP BY s.name
"""
MESSAGES = """
SELECT s.name, m.queue_id, COUNT(*) FROM message m JOIN server s ON s.id = m.server_id
 GROUP BY s.name, m.queue_id
"""
SECOND_US = 1_000_000
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
    """What was looked at, and what was found; ``faults`` in words."""

    lines: int = 0
    attempts: int = 0
    lost: int = 0
    twice: int = 0
    ghosts: int = 0
    silent: int = 0
    in_gaps: int = 0
    faults: list[str] = field(default_factory=list)


class Gap(NamedTuple):
    """A reported gap."""

    from_us: int
    to_us: int
    certain: bool
    cause: int

    def covers(self, time_us: int, back_us: int) -> bool:
        """Whether a line of that moment lies in it; time stamps may be whole seconds.

        ``back_us``  by how much the clock was set back: moments are no better than that then.
        """
        from_us, to_us = self.from_us - back_us, self.to_us + back_us
        return from_us // SECOND_US <= time_us // SECOND_US and (
            self.to_us == 0 or time_us <= to_us
        )


class Rows(NamedTuple):
    """What the database holds, by server.

    ``oldest``  the first line that was ever read.  ``recipients``  what roll-ups count.
    """

    oldest: dict[str, int]
    recipients: dict[str, int]

    gaps: dict[str, list[Gap]]

    attempts: dict[str, list[Attempt]]
    deliveries: dict[str, list[tuple[str, bytes, int]]]
    messages: dict[str, Counter[str]]
    wrong: Counter[str]


def judge(world: World) -> Verdict:
    """Compare."""
    verdict = Verdict()
    verdict.faults += world.troubles
    if not world.rested:
        verdict.faults.append("did not come to rest")
    rows = _read(world)
    if rows.wrong:
        verdict.faults.append(f"roll-ups differ from the rows: {dict(rows.wrong)}")
    for machine in world.machines:
        verdict.faults += [f"agent ended by itself: {error}" for error in machine.crashes]
        _judge_machine(world, machine, rows, verdict)
    return verdict


def _read(world: World) -> Rows:
    database = VirtualDatabase(world.storage)
    database.connect()
    sql = sql_for(database)
    attempts: dict[str, list[Attempt]] = {}
    for server, queue_id, local, domain, *told in sql.run(ATTEMPTS).fetchall():
        one = Attempt(queue_id, bytes(local) + b"@" + bytes(domain), *told)
        attempts.setdefault(server, []).append(one)
    deliveries: dict[str, list[tuple[str, bytes, int]]] = {}
    for server, queue_id, local, domain, state, _ in sql.run(DELIVERIES).fetchall():
        recipient = bytes(local) + b"@" + bytes(domain)
        deliveries.setdefault(server, []).append((queue_id, recipient, state))
    messages: dict[str, Counter[str]] = {}
    for server, queue_id, count in sql.run(MESSAGES).fetchall():
        messages.setdefault(server, Counter())[queue_id] = count
    gaps: dict[str, list[Gap]] = {}
    for server, *gap in sql.run(GAPS).fetchall():
        gaps.setdefault(server, []).append(Gap(*gap))
    oldest = dict(sql.run("SELECT name, oldest_line_us FROM server").fetchall())
    recipients = dict(sql.run(RECIPIENTS).fetchall())
    wrong = recount(sql, *span_of_rows(sql), repair=False)
    return Rows(oldest, recipients, gaps, attempts, deliveries, messages, wrong)


def _judge_machine(world: World, machine: Machine, rows: Rows, verdict: Verdict) -> None:
    server = machine.plan.server
    ledger = machine.ledger
    on_disk = machine.rotation.texts()
    verdict.lines += len(ledger.lines)
    sure = Counter(one.attempt for one in ledger.lines if one.attempt and one.sure)
    unsure = Counter(one.attempt for one in ledger.lines if one.attempt and not one.sure)
    stored = Counter((rows.attempts.get(server, [])))
    verdict.attempts += sum(sure.values()) + sum(unsure.values())
    missing = sure - stored
    gaps = rows.gaps.get(server, [])
    horizon_us = world.horizon_us
    for key in [key for key in missing if key.time_us < horizon_us]:
        verdict.in_gaps += missing.pop(key)
    there = {one.attempt for one in ledger.lines if one.attempt and one.text in on_disk}
    for key, count in missing.items():
        if key in there:
            verdict.lost += count
            verdict.faults.append(f"{server}: lost, and still in the log: {key}")
        elif key.time_us // SECOND_US <= rows.oldest.get(server, 0) // SECOND_US:
            # What was before is not known of, and nobody says that it is.
            verdict.in_gaps += count
        elif any(gap.covers(key.time_us, machine.back_us) for gap in gaps):
            verdict.in_gaps += count
        else:
            verdict.silent += count
            verdict.faults.append(f"{server}: lost without a reported gap: {key}")
    for key, count in (stored - sure - unsure).items():
        if count == 1 and ledger.may_be_glued(key.queue_id):
            verdict.in_gaps += 1
        elif sure[key] + unsure[key]:
            verdict.twice += count
            verdict.faults.append(f"{server}: counted twice: {key}")
        else:
            verdict.ghosts += count
            verdict.faults.append(f"{server}: nothing of the kind was written: {key}")
    destroyed = machine.rotation.deleted or any(
        not one.sure or one.text not in on_disk for one in ledger.lines
    )
    kinds = {step.kind for step in world.schedule.faults}
    for gap in gaps:
        if gap.certain and not (destroyed or machine.forgot):
            verdict.faults.append(f"{server}: {gap}, and nothing was destroyed")
        elif not destroyed and kinds.isdisjoint(SUSPICIOUS):
            verdict.faults.append(f"{server}: {gap}, and nothing happened")
    _judge_messages(server, machine, rows, missing, verdict)


def _judge_messages(
    server: str, machine: Machine, rows: Rows, missing: Counter[Attempt],
    verdict: Verdict,
) -> None:
    """Messages once each, recipients once each, and their states."""
    ledger = machine.ledger
    lives = Counter(life.queue_id for life in ledger.lives if life.lines)
    # Where lines vanished, those of one message may read like those of the one before it.
    # Where a clock was set back, moments do not tell which message a line is about.
    vague = {
        life.queue_id
        for life in ledger.lives
        if machine.back_us or not all(one.sure for one in life.lines)
    }
    for queue_id, count in rows.messages.get(server, Counter()).items():
        if ledger.may_be_glued(queue_id):
            continue
        if queue_id not in vague and count > lives[queue_id]:
            verdict.twice += 1
            verdict.faults.append(f"{server}: {count} messages of {lives[queue_id]}: {queue_id}")
    written = sum(len(life.recipients) for life in ledger.lives)
    if rows.recipients.get(server, 0) > written + len(ledger.glues):
        verdict.twice += 1
        verdict.faults.append(f"{server}: roll-ups count {rows.recipients[server]} of {written}")
    states: dict[tuple[str, bytes], list[int]] = {}
    for queue_id, recipient, state in rows.deliveries.get(server, []):
        states.setdefault((queue_id, recipient), []).append(state)
    for key, found in states.items():
        if key[0] not in vague and len(found) > 1:
            verdict.twice += 1
            verdict.faults.append(f"{server}: a recipient in {len(found)} places: {key}")
    for life in ledger.lives:
        if life.queue_id in vague:
            continue
        attempts = [one.attempt for one in life.lines if one.attempt and one.written]
        if any(one in missing for one in attempts):
            continue
        for recipient, expected in _states(attempts).items():
            got = states.get((life.queue_id, recipient))
            if got is not None and got != [expected]:
                verdict.faults.append(
                    f"{server}: state {got} instead of {expected}: {life.queue_id} {recipient!r}"
                )


def _states(attempts: list[Attempt]) -> dict[bytes, int]:
    return {one.recipient: int(STATES[one.status]) for one in attempts}
