"""When the log is read: settings, the moments of an interval, and commands."""

import json
from pathlib import Path

import pytest

from mailtally_agent.collecting import FIRST_SETTINGS_US, Collecting, Result
from mailtally_agent.harvest import Harvest
from mailtally_agent.schedule import SECOND_US, Mode, Settings, next_slot_us
from mailtally_agent.source.disk import RealDisk
from tests.unit.agent.test_harvest import Clock, append, new_harvest

HOUR_US = 3_600 * SECOND_US
CONTINUOUS = Settings(1, Mode.CONTINUOUS)
HOURLY = Settings(2, Mode.INTERVAL, 3_600)
OFF = Settings(3, Mode.OFF)


class Agent:
    """The part of an agent that reads, with a collector that acknowledges everything."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.harvest: Harvest = new_harvest(folder, clock)
        self.collecting = Collecting(
            self.harvest, "mx1", RealDisk(), str(folder / "settings.json"), clock
        )

    def turn(self) -> list[Result]:
        """Read as a session does, until there is nothing to do; what was said of commands."""
        results: list[Result] = []
        for _ in range(20):
            if self.collecting.wants_lines():
                self.harvest.read_some()
            self.acknowledge()
            results += [one for one in self.collecting.results() if one.done]
        return results

    def acknowledge(self) -> None:
        while batch := self.harvest.window.next_batch(flush=True):
            self.harvest.acknowledged(batch.sequence, b"token")

    @property
    def lines(self) -> int:
        return self.harvest.totals().lines


@pytest.mark.parametrize("interval", [3_600, 7_200, 86_400])
def test_moments_of_an_interval_are_evenly_spaced_and_differ_by_server(interval: int) -> None:
    now_us = Clock().now_us
    firsts = set()
    for number in range(100):
        server = f"mx{number}"
        first = next_slot_us(server, interval, now_us)
        assert now_us < first <= now_us + interval * SECOND_US
        assert next_slot_us(server, interval, first) == first + interval * SECOND_US
        assert next_slot_us(server, interval, first - 1) == first
        firsts.add(first * 60 // (interval * SECOND_US))
    assert len(firsts) > 30


def test_nothing_is_read_before_the_first_settings_for_a_while(tmp_path: Path) -> None:
    append(tmp_path, 1)
    clock = Clock()
    agent = Agent(tmp_path, clock)
    agent.collecting.greeted()
    agent.turn()
    assert agent.lines == 0
    clock.now_us += FIRST_SETTINGS_US
    agent.turn()
    assert agent.lines == 1


def test_off_reads_nothing_and_a_command_reads_to_the_present(tmp_path: Path) -> None:
    append(tmp_path, 1, 2)
    clock = Clock()
    agent = Agent(tmp_path, clock)
    agent.collecting.change(OFF)
    assert agent.turn() == []
    assert agent.lines == 0

    agent.collecting.command(7)
    agent.collecting.command(7)
    assert agent.turn() == [Result(7, done=True, error="", records=2)]
    append(tmp_path, 3)
    assert agent.turn() == []
    assert agent.lines == 2
    assert agent.collecting.next_us == 0


def test_a_command_is_done_when_everything_is_acknowledged(tmp_path: Path) -> None:
    append(tmp_path, 1)
    clock = Clock()
    agent = Agent(tmp_path, clock)
    agent.collecting.change(CONTINUOUS)
    agent.harvest.read_some()
    agent.collecting.command(7)
    append(tmp_path, 2)
    for _ in range(3):
        assert agent.collecting.wants_lines()
        agent.harvest.read_some()
        assert [one.done for one in agent.collecting.results()] == [False]
    agent.acknowledge()
    assert agent.collecting.results() == [Result(7, done=True, error="", records=1)]
    assert agent.collecting.results() == []


def test_a_command_does_not_wait_for_a_log_that_never_ends(tmp_path: Path) -> None:
    append(tmp_path, 1, 2, 3)
    clock = Clock()
    agent = Agent(tmp_path, clock)
    agent.collecting.change(OFF)
    agent.collecting.command(7)

    assert agent.collecting.wants_lines()
    assert agent.harvest.read_some()
    append(tmp_path, 4)
    agent.acknowledge()

    assert agent.collecting.results() == [Result(7, done=True, error="", records=3)]


def test_an_interval_reads_at_its_moments_only_and_makes_up_for_a_missed_one(
    tmp_path: Path,
) -> None:
    append(tmp_path, 1)
    clock = Clock()
    agent = Agent(tmp_path, clock)
    agent.collecting.change(CONTINUOUS)
    agent.turn()
    agent.collecting.change(HOURLY)
    append(tmp_path, 2)
    agent.turn()
    assert agent.lines == 1

    due_us = agent.collecting.next_us
    assert 0 < due_us - clock.now_us <= HOUR_US
    clock.now_us = due_us - 1
    agent.turn()
    assert agent.lines == 1
    clock.now_us = due_us
    agent.turn()
    assert agent.lines == 2
    assert agent.collecting.next_us == due_us + HOUR_US

    agent.harvest.finish()
    append(tmp_path, 3)
    restarted = Agent(tmp_path, clock)
    restarted.turn()
    assert restarted.lines == 0
    clock.now_us += 5 * HOUR_US
    restarted.turn()
    assert restarted.lines == 1
    assert clock.now_us < restarted.collecting.next_us <= clock.now_us + HOUR_US


def test_a_clock_that_was_set_back_does_not_stop_the_collection(tmp_path: Path) -> None:
    clock = Clock()
    agent = Agent(tmp_path, clock)
    agent.collecting.change(CONTINUOUS)
    agent.collecting.change(HOURLY)
    clock.now_us -= 500 * HOUR_US
    assert agent.collecting.next_us <= clock.now_us + HOUR_US


def test_settings_survive_a_restart_and_what_is_damaged_is_waited_for(tmp_path: Path) -> None:
    clock = Clock()
    Agent(tmp_path, clock).collecting.change(HOURLY)
    assert Agent(tmp_path, clock).collecting.settings == HOURLY
    file = tmp_path / "settings.json"
    for damaged in ("", "[]", "{}", '{"revision": "x"}', file.read_text().replace("interval", "?")):
        file.write_text(damaged)
        agent = Agent(tmp_path, clock)
        assert (agent.collecting.settings, agent.collecting.revision) == (None, 0)
    saved = {"revision": 1, "collection": "interval", "interval_seconds": 0, "collected_us": 0}
    file.write_text(json.dumps(saved))
    assert Agent(tmp_path, clock).collecting.next_us > 0


def test_the_same_settings_again_write_nothing(tmp_path: Path) -> None:
    agent = Agent(tmp_path, Clock())
    agent.collecting.change(OFF)
    (tmp_path / "settings.json").unlink()
    agent.collecting.change(OFF)
    assert not (tmp_path / "settings.json").exists()


def test_a_log_that_cannot_be_read_is_said_of_each_command(tmp_path: Path) -> None:
    agent = Agent(tmp_path, Clock())
    agent.collecting.change(OFF)
    agent.collecting.command(7)
    agent.collecting.wants_lines()
    agent.harvest.read_some()
    (result,) = agent.collecting.results()
    assert (result.command_id, result.done, result.records) == (7, False, 0)
    assert "no such log" in result.error
    assert agent.collecting.results() == []


def test_commands_end_with_their_stream(tmp_path: Path) -> None:
    agent = Agent(tmp_path, Clock())
    agent.collecting.change(OFF)
    agent.collecting.command(7)
    agent.collecting.greeted()
    assert not agent.collecting.is_commanded
    assert not agent.collecting.wants_lines()
