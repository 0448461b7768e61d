"""Gaps: where they begin and end, what they are called, and that none is forgotten."""

import gzip
import json
from pathlib import Path

import pytest

from mailtally.v1 import ingest_pb2 as pb
from mailtally_agent.gap import Gap
from mailtally_agent.gap_watch import GapWatch
from mailtally_agent.harvest import MARK_EVERY_US, Harvest
from mailtally_agent.source.hole import Hole
from mailtally_agent.terms import GapCause
from mailtally_agent.wire import encode_gap
from tests.unit.agent.test_harvest import LINE, Clock, append, new_harvest

# The moment of LINE.format(0).
START_US = 1_772_359_200_000_000


def at(second: int) -> int:
    return START_US + second * 1_000_000


def read_all(harvest: Harvest) -> tuple[list[int], list[Gap]]:
    """Seconds of the records that were not sent yet, and the gaps; sent, not acknowledged."""
    while harvest.read_some():
        pass
    seconds: list[int] = []
    gaps: list[Gap] = []
    while batch := harvest.window.next_batch(flush=True):
        seconds += [(record.key.time_us - START_US) // 1_000_000 for record in batch.records]
        gaps += batch.gaps
    return seconds, gaps


def acknowledge_all(harvest: Harvest, clock: Clock) -> None:
    """Acknowledge what was sent, and write the checkpoint for everything read."""
    clock.now_us += MARK_EVERY_US
    harvest.save_if_due()
    sequence = 1
    while not harvest.window.empty:
        harvest.acknowledged(sequence, b"token")
        sequence += 1
    harvest.finish()


def followed(folder: Path, clock: Clock, *seconds: int) -> Harvest:
    """A harvest that has read these lines, and whose checkpoint says so."""
    append(folder, *seconds)
    harvest = new_harvest(folder, clock)
    assert read_all(harvest) == ([*seconds], [])
    acknowledge_all(harvest, clock)
    harvest.window.reconnect()
    return harvest


def rotate_away(folder: Path, *seconds: int) -> None:
    (folder / "mail.log").unlink()
    append(folder, *seconds)


def test_first_start_has_no_gap(tmp_path: Path) -> None:
    append(tmp_path, 1, 2)

    assert read_all(new_harvest(tmp_path, Clock())) == ([1, 2], [])


def test_file_that_is_gone_is_a_gap_from_the_last_line_to_the_first(tmp_path: Path) -> None:
    clock = Clock()
    followed(tmp_path, clock, 1, 2).close()
    rotate_away(tmp_path, 7, 8)

    seconds, (gap,) = read_all(new_harvest(tmp_path, clock))

    assert seconds == [7, 8]
    assert gap == Gap(
        source=str(tmp_path / "mail.log"),
        cause=GapCause.ROTATED_AWAY,
        from_us=at(2),
        to_us=at(7),
        certain=True,
        lost_lines=0,
        gap_hash=gap.gap_hash,
    )


def test_gap_is_acknowledged_like_a_record(tmp_path: Path) -> None:
    clock = Clock()
    followed(tmp_path, clock, 1).close()
    rotate_away(tmp_path)
    (tmp_path / "mail.log").write_text("2026-03-01T10:00:09Z mx1 postfix/anvil[1]: statistics\n")
    harvest = new_harvest(tmp_path, clock)
    seconds, gaps = read_all(harvest)

    assert (seconds, [gap.to_us for gap in gaps]) == ([], [at(9)])
    assert not harvest.window.empty
    acknowledge_all(harvest, clock)
    assert harvest.window.empty
    assert read_all(new_harvest(tmp_path, clock)) == ([], [])


def test_gap_that_was_not_acknowledged_comes_again_under_its_name(tmp_path: Path) -> None:
    clock = Clock()
    followed(tmp_path, clock, 1).close()
    rotate_away(tmp_path, 7)

    _, first = read_all(new_harvest(tmp_path, clock))
    _, second = read_all(new_harvest(tmp_path, clock))

    assert len(first) == 1
    assert first == second


def test_gap_found_again_from_an_older_checkpoint_has_the_same_name(tmp_path: Path) -> None:
    clock = Clock()
    harvest = followed(tmp_path, clock, 1)
    append(tmp_path, 2, 3)
    assert read_all(harvest) == ([2, 3], [])
    with (tmp_path / "mail.log").open("w") as file:
        file.write(LINE.format(7))
    _, (live,) = read_all(harvest)
    _, (again,) = read_all(new_harvest(tmp_path, clock))

    assert (live.from_us, live.to_us) == (at(3), at(7))
    assert (again.from_us, again.to_us) == (at(1), at(7))
    assert live.cause is GapCause.TRUNCATED
    # Cut while it was read, and gone when it was found after a restart: two findings.
    assert again.cause is GapCause.ROTATED_AWAY


def test_open_gap_survives_a_restart(tmp_path: Path) -> None:
    """The end is not known before a line comes; meanwhile the checkpoint moves on."""
    clock = Clock()
    harvest = new_harvest(tmp_path, clock, logs=("mail.log", "other.log"))
    append(tmp_path, 1)
    append(tmp_path, 1, log="other.log")
    read_all(harvest)
    acknowledge_all(harvest, clock)
    harvest.window.reconnect()
    (tmp_path / "mail.log").write_text("")
    append(tmp_path, 2, log="other.log")
    assert read_all(harvest) == ([2], [])
    assert harvest.totals().suspected == 1
    acknowledge_all(harvest, clock)
    harvest.close()

    append(tmp_path, 9)
    seconds, gaps = read_all(new_harvest(tmp_path, clock, logs=("mail.log", "other.log")))
    assert seconds == [9]
    assert {(gap.from_us, gap.to_us) for gap in gaps} == {(at(1), at(9))}


def test_gap_ends_with_the_first_line_that_was_not_read_before(tmp_path: Path) -> None:
    """Older files are read again when a place is lost; they lie before the gap."""
    clock = Clock()
    append(tmp_path, 1, 2, log="mail.log.1")
    append(tmp_path, 3, 4)
    harvest = new_harvest(tmp_path, clock)
    read_all(harvest)
    acknowledge_all(harvest, clock)
    harvest.close()
    rotate_away(tmp_path, 6)

    seconds, (gap,) = read_all(new_harvest(tmp_path, clock))
    assert seconds == [1, 2, 6]
    assert (gap.from_us, gap.to_us) == (at(4), at(6))


def test_gap_ends_inside_a_chunk_that_begins_with_older_lines(tmp_path: Path) -> None:
    clock = Clock()
    followed(tmp_path, clock, 3, 4).close()
    rotate_away(tmp_path, 1, 2, 6, 7)

    seconds, (gap,) = read_all(new_harvest(tmp_path, clock))
    assert seconds == [1, 2, 6, 7]
    assert (gap.from_us, gap.to_us) == (at(4), at(6))


def test_hole_that_is_found_again_before_its_end_is_one_gap() -> None:
    watch = GapWatch("mail.log")
    hole = Hole(GapCause.TRUNCATED, certain=False)
    watch.begin(hole, at(1))
    restored = GapWatch("mail.log")
    restored.restore(json.loads(json.dumps(watch.state())))
    restored.begin(hole, at(1))

    assert len(restored.end(["a line"], lambda lines: at(2) if any(lines) else None)) == 1
    assert (watch.suspected, restored.suspected) == (1, 1)


def test_line_without_a_record_counts_as_the_last_one_read(tmp_path: Path) -> None:
    clock = Clock()
    append(tmp_path, 1)
    with (tmp_path / "mail.log").open("a") as file:
        file.write("2026-03-01T10:00:05Z mx1 postfix/smtpd[1]: connect from a[192.0.2.1]\n")
    harvest = new_harvest(tmp_path, clock)
    read_all(harvest)
    acknowledge_all(harvest, clock)
    harvest.close()
    rotate_away(tmp_path, 7)

    _, (gap,) = read_all(new_harvest(tmp_path, clock))
    assert gap.from_us == at(5)


@pytest.mark.parametrize(
    ("line", "lost_lines"),
    [
        ("rsyslogd[7]: imjournal: 1234 messages lost due to rate-limiting (20000 allowed)", 1234),
        ("rsyslogd: imuxsock lost 34 messages from pid 99 due to rate-limiting", 34),
        ("rsyslogd: imjournal: begin to drop messages due to rate-limiting", 0),
        ("systemd-journald[7]: Suppressed 56 messages from postfix@-.service", 56),
        ("systemd-journald[7]: Suppressed 56 messages from mail-in-a-box", 56),
    ],
)
def test_what_the_syslog_daemon_dropped_is_a_gap(
    line: str, lost_lines: int, tmp_path: Path
) -> None:
    (tmp_path / "mail.log").write_text(f"2026-03-01T10:00:05Z mx1 {line}\n")

    _, (gap,) = read_all(new_harvest(tmp_path, Clock()))

    assert gap.cause is GapCause.SYSLOG_DROPPED
    assert (gap.from_us, gap.to_us) == (at(5), at(5))
    assert (gap.certain, gap.lost_lines) == (True, lost_lines)


def test_what_the_journal_dropped_of_others_is_no_gap(tmp_path: Path) -> None:
    (tmp_path / "mail.log").write_text(
        "2026-03-01T10:00:05Z mx1 systemd-journald[7]: Suppressed 56 messages from nginx.service\n"
    )

    assert read_all(new_harvest(tmp_path, Clock())) == ([], [])


def test_a_line_about_a_loss_is_one_gap_in_whatever_log_it_is_read(tmp_path: Path) -> None:
    line = "2026-03-01T10:00:05Z mx1 rsyslogd: imuxsock lost 34 messages from pid 99\n"
    for log in ("a.log", "b.log"):
        (tmp_path / log).write_text(line)

    _, gaps = read_all(new_harvest(tmp_path, Clock(), logs=("a.log", "b.log")))

    assert len(gaps) == 2
    assert len({gap.gap_hash for gap in gaps}) == 1


def test_damaged_file_is_a_gap_up_to_the_next_one(tmp_path: Path) -> None:
    content = gzip.compress(LINE.format(1).encode())
    (tmp_path / "mail.log.1.gz").write_bytes(content[:-4])
    append(tmp_path, 5)

    seconds, (gap,) = read_all(new_harvest(tmp_path, Clock()))

    assert seconds == [1, 5]
    assert (gap.cause, gap.certain) == (GapCause.UNREADABLE, True)
    assert (gap.from_us, gap.to_us) == (at(1), at(5))


class TestResync:
    """The database went back in time."""

    def test_log_that_holds_everything_has_no_gap(self, tmp_path: Path) -> None:
        clock = Clock()
        harvest = followed(tmp_path, clock, 1, 2, 3)

        harvest.read_again(at(2))
        assert read_all(harvest) == ([1, 2, 3], [])

    def test_database_that_is_empty_has_no_gap(self, tmp_path: Path) -> None:
        harvest = followed(tmp_path, Clock(), 1, 2)

        harvest.read_again(0)
        assert read_all(harvest) == ([1, 2], [])

    def test_what_no_log_holds_any_more_was_forgotten(self, tmp_path: Path) -> None:
        clock = Clock()
        harvest = followed(tmp_path, clock, 1, 2, 5)
        (tmp_path / "mail.log").rename(tmp_path / "mail.log.1")
        append(tmp_path, 8, 9)
        read_all(harvest)
        acknowledge_all(harvest, clock)
        (tmp_path / "mail.log.1").unlink()

        harvest = new_harvest(tmp_path, clock)
        harvest.read_again(at(2))
        seconds, (gap,) = read_all(harvest)

        assert seconds == [8, 9]
        assert (gap.cause, gap.from_us, gap.to_us) == (GapCause.FORGOTTEN, at(2), at(8))
        # The line of second 8 is there, but what was between was perhaps no mail.
        assert not gap.certain

    def test_what_was_reported_and_is_neither_stored_nor_there_is_certain(
        self, tmp_path: Path
    ) -> None:
        clock = Clock()
        harvest = followed(tmp_path, clock, 1, 2, 5)
        rotate_away(tmp_path, 8)
        harvest.read_again(at(2))

        _, (gap,) = read_all(harvest)
        assert (gap.cause, gap.from_us, gap.to_us) == (GapCause.FORGOTTEN, at(2), at(8))
        assert gap.certain

    def test_gaps_that_were_reported_are_reported_again(self, tmp_path: Path) -> None:
        """Nothing that is still in the logs shows that lines went between them."""
        clock = Clock()
        append(tmp_path, 1, log="mail.log.1")
        append(tmp_path, 2)
        harvest = new_harvest(tmp_path, clock)
        read_all(harvest)
        acknowledge_all(harvest, clock)
        harvest.close()
        rotate_away(tmp_path, 7)
        harvest = new_harvest(tmp_path, clock)
        _, first = read_all(harvest)
        assert len(first) == 1
        acknowledge_all(harvest, clock)
        harvest.close()

        again = new_harvest(tmp_path, clock)
        again.read_again(at(1))
        seconds, gaps = read_all(again)

        assert seconds == [1, 7]
        assert gaps == first

    def test_gap_whose_end_is_not_known_yet_is_kept(self, tmp_path: Path) -> None:
        clock = Clock()
        harvest = followed(tmp_path, clock, 1, 2)
        (tmp_path / "mail.log").write_text("")
        assert read_all(harvest) == ([], [])

        harvest.read_again(at(2))
        assert read_all(harvest) == ([], [])
        (tmp_path / "mail.log").write_text(LINE.format(7))
        _, gaps = read_all(harvest)
        assert {(gap.from_us, gap.to_us) for gap in gaps} == {(at(2), at(7))}


def test_gap_on_the_wire() -> None:
    gap = Gap("/var/log/m\udcff", GapCause.UNREADABLE, 1, 2, True, 3, 2**64 - 1)  # noqa: FBT003

    assert encode_gap(gap) == pb.Gap(
        source="/var/log/m?",
        cause=pb.GAP_CAUSE_UNREADABLE,
        from_us=1,
        to_us=2,
        certain=True,
        lost_lines=3,
        gap_hash=2**64 - 1,
    )
    for cause in GapCause:
        assert encode_gap(gap._replace(cause=cause)).cause != pb.GAP_CAUSE_UNSPECIFIED
