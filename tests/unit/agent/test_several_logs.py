"""Several logs in one harvest: fair turns, one checkpoint, and a log that cannot be read."""

from pathlib import Path

from mailtally_agent import checkpoint
from mailtally_agent.harvest import MARK_EVERY_US
from mailtally_agent.ship import Window
from mailtally_agent.source.disk import RealDisk
from tests.unit.agent.test_harvest import Clock, append, new_harvest, saved_offset

LOGS = ("a.log", "b.log", "c.log")


def seconds(window: Window) -> list[int]:
    """Of the records that wait, all sent."""
    found = []
    while batch := window.next_batch(flush=True):
        found += [record.key.time_us // 1_000_000 % 60 for record in batch.records]
    return found


def test_a_long_backlog_keeps_no_log_waiting(tmp_path: Path) -> None:
    append(tmp_path, *[1] * 10_000, log="a.log")
    append(tmp_path, 2, log="b.log")
    append(tmp_path, 3, log="c.log")
    harvest = new_harvest(tmp_path, Clock(), Window(5_000, 64), LOGS)

    for _ in LOGS:
        assert harvest.read_some()
    first = seconds(harvest.window)
    assert {2, 3} < set(first)
    assert first.count(1) < 10_000

    append(tmp_path, 4, log="b.log")
    harvest.read_some()
    harvest.read_some()
    assert 4 in seconds(harvest.window)


def test_a_log_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    append(tmp_path, 1, log="a.log")
    (tmp_path / "b.log").mkdir()
    harvest = new_harvest(tmp_path, Clock(), logs=LOGS)

    assert harvest.read_some()
    assert not harvest.read_some()
    assert [str(reading.problem or "") for reading in harvest.readings] == [
        "",
        f"not a regular file: {tmp_path / 'b.log'}",
        f"[Errno 2] no such log: '{tmp_path / 'c.log'}'",
    ]

    (tmp_path / "b.log").rmdir()
    append(tmp_path, 2, log="b.log")
    append(tmp_path, 3, log="c.log")
    while harvest.read_some():
        pass
    assert seconds(harvest.window) == [1, 2, 3]
    assert harvest.problems() == []


def test_folder_that_is_missing_at_the_start_is_waited_for(tmp_path: Path) -> None:
    append(tmp_path, 1, log="a.log")
    harvest = new_harvest(tmp_path, Clock(), logs=("later/mail.log", "a.log"))
    while harvest.read_some():
        pass
    (tmp_path / "later").mkdir()
    append(tmp_path, 2, log="later/mail.log")
    harvest.read_some()

    assert seconds(harvest.window) == [1, 2]


def test_one_checkpoint_has_the_places_of_all_logs(tmp_path: Path) -> None:
    for number, log in enumerate(LOGS):
        append(tmp_path, number, log=log)
    clock = Clock()
    harvest = new_harvest(tmp_path, clock, logs=LOGS)
    while harvest.read_some():
        pass
    clock.now_us += MARK_EVERY_US
    harvest.save_if_due()
    assert seconds(harvest.window) == [0, 1, 2]
    harvest.acknowledged(1, b"token")
    assert {saved_offset(tmp_path, log) for log in LOGS} == {(tmp_path / "a.log").stat().st_size}

    append(tmp_path, 9, log="b.log")
    again = new_harvest(tmp_path, clock, logs=LOGS)
    while again.read_some():
        pass
    assert seconds(again.window) == [9]
    assert again.token == b"token"


def test_place_of_a_log_that_is_away_for_a_while_is_kept(tmp_path: Path) -> None:
    test_one_checkpoint_has_the_places_of_all_logs(tmp_path)
    (tmp_path / "b.log").rename(tmp_path / "away")
    clock = Clock()
    harvest = new_harvest(tmp_path, clock, logs=LOGS)
    append(tmp_path, 20, log="a.log")
    while harvest.read_some():
        pass
    clock.now_us += MARK_EVERY_US
    harvest.save_if_due()
    assert seconds(harvest.window) == [20]
    harvest.acknowledged(1, b"next")

    (tmp_path / "away").rename(tmp_path / "b.log")
    again = new_harvest(tmp_path, clock, logs=LOGS)
    while again.read_some():
        pass
    assert seconds(again.window) == [9]


def test_a_damaged_place_of_one_log_costs_the_others_nothing(tmp_path: Path) -> None:
    test_one_checkpoint_has_the_places_of_all_logs(tmp_path)
    path = str(tmp_path / "checkpoint.json")
    saved = checkpoint.load(RealDisk(), path)
    assert saved is not None
    place = next(iter(saved.logs.values())).place
    assert place is not None
    del place["offset"]
    checkpoint.save(RealDisk(), path, saved)
    again = new_harvest(tmp_path, Clock(), logs=LOGS)
    while again.read_some():
        pass

    assert seconds(again.window) == [0, 9]
    assert again.token == b"token"
