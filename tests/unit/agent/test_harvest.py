"""The checkpoint moves after the acknowledgement, and a restart loses nothing."""

import json
import os
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

from mailtally_agent.agent_status import agent_status
from mailtally_agent.direction import DirectionRules
from mailtally_agent.harvest import MARK_EVERY_BATCHES, MARK_EVERY_US, Harvest, HarvestOptions
from mailtally_agent.reading import LogOptions, ReadingOptions
from mailtally_agent.ship import Window
from mailtally_agent.source.disk import RealDisk

LINE = "2026-03-01T10:00:{:02}Z mx1 postfix/postsuper[7]: A1B2C3D4: placed on hold\n"


class Clock:
    """A clock that is moved by hand; microseconds."""

    def __init__(self) -> None:
        self.now_us = 1_772_359_200_000_000

    def __call__(self) -> int:
        return self.now_us


def new_harvest(
    folder: Path, clock: Clock, window: Window | None = None, logs: Sequence[str] = ("mail.log",)
) -> Harvest:
    disk = RealDisk()
    options = HarvestOptions(
        logs=[LogOptions.of_file(disk, str(folder / name)) for name in logs],
        checkpoint_path=str(folder / "checkpoint.json"),
        reading=ReadingOptions(ZoneInfo("UTC"), DirectionRules([ip_network("127.0.0.1/32")])),
        since_us=None,
    )
    return Harvest(options, disk, clock, window or Window(10, 10))


def append(folder: Path, *seconds: int, log: str = "mail.log") -> None:
    with (folder / log).open("a") as file:
        file.writelines(LINE.format(second) for second in seconds)


def saved_offset(folder: Path, log: str = "mail.log") -> int:
    """Offset of the log's place in the checkpoint."""
    checkpoint = json.loads((folder / "checkpoint.json").read_text())
    return int(checkpoint["logs"][str(folder / log)]["place"]["offset"])


def read_and_mark(harvest: Harvest, clock: Clock) -> None:
    """Read what there is, and let enough time go by for a mark."""
    while harvest.read_some():
        pass
    clock.now_us += MARK_EVERY_US
    harvest.save_if_due()


def test_no_checkpoint_before_the_acknowledgement(tmp_path: Path) -> None:
    append(tmp_path, 1, 2)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)
    batch = harvest.window.next_batch(flush=True)
    assert batch is not None
    read_and_mark(harvest, clock)
    assert not (tmp_path / "checkpoint.json").exists()

    harvest.acknowledged(batch.sequence, b"token")

    checkpoint = json.loads((tmp_path / "checkpoint.json").read_text())
    assert checkpoint["token"] == b"token".hex()
    assert saved_offset(tmp_path) == (tmp_path / "mail.log").stat().st_size


def test_no_line_is_told_to_be_the_oldest_before_anything_is_stored(tmp_path: Path) -> None:
    """Killed now, with the log deleted, the agent would know of no gap."""
    append(tmp_path, 1, 2)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)
    assert agent_status(harvest, None, clock()).oldest_line_us == 0

    batch = harvest.window.next_batch(flush=True)
    assert batch is not None
    harvest.acknowledged(batch.sequence, b"token")

    assert agent_status(harvest, None, clock()).oldest_line_us == harvest.totals().oldest_us


def test_the_oldest_line_of_a_log_without_records_is_told_when_its_place_is_kept(
    tmp_path: Path,
) -> None:
    (tmp_path / "mail.log").write_text(
        "2026-03-01T10:00:00Z mx1 postfix/scache[7]: statistics: x\n"
    )
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)
    harvest.save_if_due()

    assert harvest.window.added == 0
    assert agent_status(harvest, None, clock()).oldest_line_us == harvest.totals().oldest_us


def test_checkpoint_does_not_cover_what_was_read_after_the_mark(tmp_path: Path) -> None:
    append(tmp_path, 1)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)
    first = harvest.window.next_batch(flush=True)
    assert first is not None
    size = (tmp_path / "mail.log").stat().st_size
    append(tmp_path, 2)
    harvest.read_some()

    harvest.acknowledged(first.sequence, b"token")

    assert saved_offset(tmp_path) == size
    (again,) = restarted_moments(tmp_path, clock)
    assert again % 60_000_000 == 2_000_000


def restarted_moments(folder: Path, clock: Clock) -> list[int]:
    """What a new process reads, as moments."""
    harvest = new_harvest(folder, clock)
    while harvest.read_some():
        pass
    batch = harvest.window.next_batch(flush=True)
    return [record.key.time_us for record in batch.records] if batch else []


def test_everything_unacknowledged_is_read_again_after_a_crash(tmp_path: Path) -> None:
    append(tmp_path, 1, 2, 3)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)

    assert len(restarted_moments(tmp_path, clock)) == 3


def test_equal_lines_keep_their_keys_across_a_restart_between_them(tmp_path: Path) -> None:
    append(tmp_path, 1)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)
    first = harvest.window.next_batch(flush=True)
    assert first is not None
    harvest.acknowledged(first.sequence, b"token")
    append(tmp_path, 1)

    resumed = new_harvest(tmp_path, clock)
    resumed.read_some()
    second = resumed.window.next_batch(flush=True)

    assert second is not None
    assert first.records[0].key != second.records[0].key
    assert first.records[0].message.first_line == second.records[0].message.first_line


def test_many_batches_in_a_moment_move_the_checkpoint(tmp_path: Path) -> None:
    """Its token has to be one that the collector still knows."""
    clock = Clock()
    harvest = new_harvest(tmp_path, clock, Window(1, 1))
    append(tmp_path, 0)
    read_and_mark(harvest, clock)
    for number in range(3 * MARK_EVERY_BATCHES):
        harvest.read_some()
        batch = harvest.window.next_batch(flush=True)
        assert batch is not None
        harvest.acknowledged(batch.sequence, number.to_bytes(2, "big"))
        append(tmp_path, 1 + number % 50)

    checkpoint = json.loads((tmp_path / "checkpoint.json").read_text())
    assert int(checkpoint["token"], 16) >= 2 * MARK_EVERY_BATCHES - 2


def test_full_window_stops_reading(tmp_path: Path) -> None:
    append(tmp_path, 1, 2)
    harvest = new_harvest(tmp_path, Clock(), Window(1, 2))

    assert harvest.read_some()
    append(tmp_path, 3)
    assert not harvest.read_some()


def test_clock_that_was_set_back_does_not_stop_checkpoints(tmp_path: Path) -> None:
    append(tmp_path, 1)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)
    first = harvest.window.next_batch(flush=True)
    assert first is not None
    harvest.acknowledged(first.sequence, b"one")
    append(tmp_path, 2)
    harvest.read_some()
    clock.now_us -= 3_600_000_000
    harvest.save_if_due()
    second = harvest.window.next_batch(flush=True)
    assert second is not None
    harvest.acknowledged(second.sequence, b"two")

    assert json.loads((tmp_path / "checkpoint.json").read_text())["token"] == b"two".hex()


def test_a_flipped_bit_in_the_checkpoint_is_noticed(tmp_path: Path) -> None:
    append(tmp_path, 1)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)
    first = harvest.window.next_batch(flush=True)
    assert first is not None
    harvest.acknowledged(first.sequence, b"token")
    checkpoint = tmp_path / "checkpoint.json"
    text = checkpoint.read_text()
    # It would be a checkpoint all the same, with another moment of a message.
    assert "1772359201" in text
    checkpoint.write_text(text.replace("1772359201", "1772359209"))

    assert len(restarted_moments(tmp_path, clock)) == 1


def test_lines_that_are_read_again_behind_a_lost_place_keep_their_keys(tmp_path: Path) -> None:
    """A host lost its power, and the end of its log with it."""
    append(tmp_path, 1, 1)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock)
    read_and_mark(harvest, clock)
    first = harvest.window.next_batch(flush=True)
    assert first is not None
    harvest.acknowledged(first.sequence, b"token")
    (tmp_path / "mail.log").write_text("")
    append(tmp_path, 1, 3, 3, 3)

    again = new_harvest(tmp_path, clock)
    while again.read_some():
        pass
    second = again.window.next_batch(flush=True)

    assert second is not None
    assert first.records[0].key == second.records[0].key


TRADITIONAL = "{} 10:00:00 mx1 postfix/postsuper[7]: A1B2C3D4: placed on hold\n"


def test_first_line_may_come_long_after_the_agent_was_started(tmp_path: Path) -> None:
    """No year stands in it: it is that of the file's last change, not of the agent's start."""
    log = tmp_path / "mail.log"
    log.touch()
    os.utime(log, (1_772_359_200, 1_772_359_200))
    harvest = new_harvest(tmp_path, Clock())
    harvest.read_some()
    log.write_text(TRADITIONAL.format("Mar  9"))
    os.utime(log, (1_773_050_400, 1_773_050_400))
    harvest.read_some()
    batch = harvest.window.next_batch(flush=True)

    assert batch is not None
    assert batch.records[0].key.time_us == 1_773_050_400_000_000


def test_an_old_empty_sibling_tells_no_year(tmp_path: Path) -> None:
    empty, log = tmp_path / "mail.log.1", tmp_path / "mail.log"
    empty.touch()
    os.utime(empty, (1_772_359_200, 1_772_359_200))
    log.write_text(TRADITIONAL.format("Mar  9"))
    os.utime(log, (1_773_050_400, 1_773_050_400))

    (moment_us,) = restarted_moments(tmp_path, Clock())

    assert moment_us == 1_773_050_400_000_000
