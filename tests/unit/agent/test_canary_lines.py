"""Lines of a canary as the agent reads them, and how they are judged."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from mailtally_agent.canary import LATENCIES_KEPT, LOST_NAMED, Probe, Tally
from mailtally_agent.canary_lines import ADDRESS, INSTANCE, LogFile, lines_of, new_queue_id
from mailtally_agent.direction import direction_rules
from mailtally_agent.log_reader import LogReader
from mailtally_agent.record import Attempt, MessageAccepted, MessageChanged

NAMES = tuple(line.name for line in lines_of("4F"))
MOMENT = datetime(2026, 3, 1, 23, 59, 7, tzinfo=UTC)


def test_a_log_gets_lines_as_postfix_writes_them(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text("")
    zone = ZoneInfo("Europe/Berlin")
    queue_id = new_queue_id()
    LogFile(log, "mx1", zone, lambda: MOMENT).write(lines_of(queue_id))

    lines = log.read_text().splitlines()
    assert all(line.startswith("Mar  2 00:59:07 mx1 mailtally-canary/") for line in lines)
    reader = LogReader(zone, int(MOMENT.timestamp()) * 1_000_000, direction_rules([]))
    records = reader.read(lines)
    assert [type(one.what) for one in records] == [MessageAccepted, Attempt, MessageChanged]
    assert {(one.message.instance, one.message.queue_id) for one in records} == {
        (INSTANCE, queue_id)
    }
    accepted, attempt, _ = (one.what for one in records)
    assert isinstance(accepted, MessageAccepted)
    assert isinstance(attempt, Attempt)
    assert (accepted.envelope_sender, attempt.delivery.recipient) == (ADDRESS, ADDRESS)
    assert not reader.unparsed


def probe(written: float = 100.0) -> Probe:
    return Probe("4F", NAMES, written)


def test_lines_count_when_they_are_seen_first() -> None:
    one = probe()
    one.look({"accepted": 1}, 101.0)
    one.look({"accepted": 1, "attempt": 1}, 102.0)
    assert (one.is_seen, one.missing) == (False, ["completed"])
    one.look(dict.fromkeys(NAMES, 1), 105.0)
    assert (one.is_seen, one.latency, one.doubled) == (True, 5.0, 0)
    one.look({"accepted": 1, "attempt": 3, "completed": 2}, 110.0)
    assert (one.latency, one.doubled) == (5.0, 3)


def test_what_was_not_seen_is_lost_or_cannot_be_told() -> None:
    tally = Tally()
    seen, lost, silent = probe(), probe(), probe()
    seen.look(dict.fromkeys(NAMES, 1), 101.0)
    lost.look({"attempt": 1}, 104.0)
    tally.judge(seen)
    assert tally.is_well
    tally.judge(lost)
    assert not tally.is_well
    tally.judge(silent, is_answered=False)
    report = tally.report(waiting=3)
    assert (report.probes, report.lines, report.seen) == (3, 9, 4)
    assert (report.lost, report.unanswered, report.waiting) == (2, 3, 3)
    assert report.latency_seconds == {"p50": 1.0, "p95": 4.0, "max": 4.0}
    assert report.lost_queue_ids == ["4F"]


def test_a_long_run_takes_no_more_memory() -> None:
    tally = Tally()
    for number in range(LATENCIES_KEPT):
        one = probe(float(number))
        one.look({"accepted": 1, "attempt": 1}, number + 1.0)
        tally.judge(one)
    assert len(tally.latencies) == LATENCIES_KEPT
    assert len(tally.lost_queue_ids) == LOST_NAMED
    assert tally.lost == LATENCIES_KEPT
