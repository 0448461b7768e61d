"""Whether the log is to be read now: settings, their interval, and commands to collect.

Gives     ``Collecting``: asked before each read, told of settings and commands, and asked for what
          became of commands. No I/O but the file of settings.
How       A collection, by the clock or by command, aims at what the log holds when it begins, and
          is over when that was read and everything read was acknowledged. A command lasts as long
          as its stream: the collector gives it again on the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mailtally_agent.harvest import Harvest
from mailtally_agent.schedule import SECOND_US, Mode, Settings, next_slot_us
from mailtally_agent.settings_state import SavedSettings, load_settings, save_settings
from mailtally_agent.source.disk import Disk

# How long the first settings are waited for; then the log is read as it grows.
FIRST_SETTINGS_US = 5 * SECOND_US


@dataclass(frozen=True, slots=True)
class Result:
    """How far a command is; neither ``done`` nor an ``error``: under way."""

    command_id: int
    done: bool
    error: str
    records: int


@dataclass(slots=True)
class _Collection:
    """One that is under way; command 0 for one by the clock. until: records to be acknowledged."""

    command_id: int
    begun_us: int
    records_before: int
    until: int | None = None


class Collecting:
    """Decides for one harvest."""

    def __init__(
        self, harvest: Harvest, server: str, disk: Disk, path: str, clock: Callable[[], int]
    ) -> None:
        """Take up the settings at the path. clock: microseconds since 1970. Raises OSError."""
        self._harvest = harvest
        self._server = server
        self._disk = disk
        self._path = path
        self._clock = clock
        saved = load_settings(disk, path)
        self.settings = saved.settings
        self._collected_us = saved.collected_us
        self._greeted_us = clock()
        self._under_way: list[_Collection] = []

    @property
    def revision(self) -> int:
        """Of the settings in force; 0 before any came."""
        return self.settings.revision if self.settings else 0

    @property
    def next_us(self) -> int:
        """When the log is read next by the clock; 0 when it is not read by the clock."""
        settings = self.settings
        if settings is None or settings.mode is not Mode.INTERVAL:
            return 0
        # A clock that was set back must not keep the log unread until it is there again.
        since_us = min(self._collected_us, self._clock())
        return next_slot_us(self._server, settings.interval_seconds, since_us)

    @property
    def is_commanded(self) -> bool:
        """Whether a command is under way."""
        return any(one.command_id for one in self._under_way)

    @property
    def is_continuous(self) -> bool:
        """Whether the log is read as it grows."""
        if self.settings is None:
            return not 0 <= self._clock() - self._greeted_us < FIRST_SETTINGS_US
        return self.settings.mode is Mode.CONTINUOUS

    def greeted(self) -> None:
        """A stream begins: commands of the one before are given again."""
        self._greeted_us = self._clock()
        self._under_way.clear()

    def change(self, settings: Settings) -> None:
        """These hold from now on."""
        if settings == self.settings:
            return
        if self.is_continuous:
            self._collected_us = self._clock()
        self.settings = settings
        self._under_way = [one for one in self._under_way if one.command_id]
        self._save()

    def command(self, command_id: int) -> None:
        """Collect up to now, whatever the settings say."""
        if all(one.command_id != command_id for one in self._under_way):
            self._begin(command_id)

    def wants_lines(self) -> bool:
        """Whether to read on."""
        if self.is_continuous:
            return True
        if not self._under_way and 0 < self.next_us <= self._clock():
            self._begin(0)
        return any(one.until is None for one in self._under_way)

    def results(self) -> list[Result]:
        """How far each command is; those that are over are told for the last time."""
        window = self._harvest.window
        if self._under_way and self._harvest.caught_up():
            for one in self._under_way:
                if one.until is None:
                    one.until = window.added
        over = [
            one
            for one in self._under_way
            if one.until is not None and window.acknowledged >= one.until
        ]
        for one in over:
            self._collected_us = max(one.begun_us, self._collected_us)
            self._save()
        problems = "; ".join(str(problem) for problem in self._harvest.problems())
        why = f"the log cannot be read: {problems}" if problems else ""
        told = [
            self._result(one, done=not why, error=why) if one in over else self._result(one)
            for one in self._under_way
            if one.command_id
        ]
        self._under_way = [one for one in self._under_way if one not in over]
        return told

    def _begin(self, command_id: int) -> None:
        self._harvest.aim()
        added = self._harvest.window.added
        self._under_way.append(_Collection(command_id, self._clock(), added))

    def _result(self, one: _Collection, *, done: bool = False, error: str = "") -> Result:
        records = self._harvest.window.added - one.records_before
        return Result(one.command_id, done, error, records)

    def _save(self) -> None:
        saved = SavedSettings(self.settings, self._collected_us)
        save_settings(self._disk, self._path, saved)
