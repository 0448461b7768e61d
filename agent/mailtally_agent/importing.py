"""``mailtally-agent import``: old logs on the way that the followed log takes, to their end.

How       All logs are looked at before anything is sent. Then a harvest of its own reads them in
          the order of time, with a checkpoint of its own beside the follower's, named by what is
          imported and removed at the end. They are sent as the same server, under the same keys.
Limits    One import at a time with one state folder. What is open at the end stays open: an import
          of the continuation goes on without the beginnings.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from hashlib import blake2b
from pathlib import Path

from mailtally_agent.config import Config
from mailtally_agent.connection import read_material
from mailtally_agent.daemon import clock_us
from mailtally_agent.direction import DirectionRules
from mailtally_agent.harvest import Harvest, HarvestOptions
from mailtally_agent.import_summary import Figures, figures
from mailtally_agent.old_logs import shown, survey
from mailtally_agent.progress import BAR_EVERY_SECONDS, Progress
from mailtally_agent.reading import LogOptions, ReadingOptions
from mailtally_agent.reporting import CollectorAwayError, Reporting
from mailtally_agent.session import Session
from mailtally_agent.ship import Window
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.log_source import PlaceState
from mailtally_agent.source.old_files import OldFiles, OldLog
from mailtally_agent.source.place import Place
from mailtally_agent.source.unpack import DamagedError


class RefusedError(Exception):
    """Nothing can be imported; one line of text for each reason."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What to import and how.

    latest_us         moment that the first line of no log lies much after; None: the file's date
    patience_seconds  how long to wait while the collector takes nothing
    """

    logs: list[str]
    zone: tzinfo
    latest_us: int | None
    rules: DirectionRules
    patience_seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures, and the signal that ended the import too early, if one did."""

    counts: Figures
    signal: int | None


def run(config: Config, options: ImportOptions, progress: Progress) -> Outcome:
    """Import; progress is told what happens on the way.

    Raises RefusedError and IdentityError before anything is sent, and OSError from the state
    folder.
    """
    disk = RealDisk()
    read_material(config)  # refuse at once what could not be sent
    with ExitStack() as opened:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened.enter_context(_alone(config.state_dir))
        logs = _logs(disk, options, progress, opened)
        damaged: dict[str, DamagedError] = {}

        def note_damage(log: OldLog, error: DamagedError) -> None:
            if log.path not in damaged:
                progress.say(f"{shown(log.path)}: {error}")
            damaged[log.path] = error

        def open_logs(place: PlaceState | None) -> OldFiles:
            return OldFiles(logs, Place.from_state(place) if place else None, note_damage)

        name = _name(config, options, logs)
        checkpoint_path = config.state_dir / f"import-{name}.json"
        harvest = Harvest(
            HarvestOptions(
                [LogOptions(f"import {name}", open_logs)],
                str(checkpoint_path),
                ReadingOptions(options.zone, options.rules),
                None,
            ),
            disk,
            clock_us,
            Window(config.batch_records, config.batches_in_flight),
        )
        session = Session(harvest, config.server, None, clock_us)
        reporting = Reporting(
            config, harvest, session, until_end=True, patience_seconds=options.patience_seconds
        )
        why = ""
        try:
            asyncio.run(_report(reporting, harvest, progress, sum(log.size for log in logs)))
        except CollectorAwayError as error:
            why = str(error)
        if reporting.signal is not None:
            why = "interrupted"
        if not why:
            checkpoint_path.unlink(missing_ok=True)
        return Outcome(figures(logs, harvest, session.answered, damaged, why), reporting.signal)


def _logs(
    disk: RealDisk, options: ImportOptions, progress: Progress, opened: ExitStack
) -> list[OldLog]:
    """Look at the logs; RefusedError unless all can be imported and there is one."""

    def not_after_us(changed_us: int | None) -> int:
        if options.latest_us is not None:
            return options.latest_us
        return clock_us() if changed_us is None else changed_us

    found = survey(disk, options.logs, options.zone, not_after_us, opened)
    for text in found.skipped:
        progress.say(f"{text}, left out")
    if found.problems:
        raise RefusedError("\n".join([*found.problems, "nothing was imported"]))
    if not found.logs:
        raise RefusedError("there is nothing to import")
    return found.logs


def _name(config: Config, options: ImportOptions, logs: list[OldLog]) -> str:
    """Name an import by what it is made of: the same one goes on where it was."""
    parts = [config.server, *sorted(config.collectors), str(options.zone), str(options.latest_us)]
    content = [part.encode("utf-8", "surrogateescape") for part in parts]
    content += [log.identity for log in logs]
    return blake2b(b"\0".join(content), digest_size=8).hexdigest()


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    """Keep other imports away; the agent that follows the log does not mind."""
    folder = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"another import is running with the state in {state_dir}") from None
        yield
    finally:
        os.close(folder)


async def _report(
    reporting: Reporting, harvest: Harvest, progress: Progress, total_bytes: int
) -> None:
    """Report, and show how far it is."""
    progress.begin(total_bytes, total_bytes - harvest.backlog_bytes())
    if harvest.resumed:
        progress.say("going on where the last import of these logs ended")

    async def watch() -> None:
        while True:
            done_bytes = total_bytes - harvest.backlog_bytes()
            progress.tell(done_bytes, harvest.window.acknowledged)
            await asyncio.sleep(BAR_EVERY_SECONDS)

    def waiting(problem: str, pause_seconds: float) -> None:
        progress.say(f"{problem}; trying again in {pause_seconds:.1f} s")

    watcher = asyncio.create_task(watch())
    try:
        await reporting.run(welcomed=lambda _: None, waiting=waiting)
    finally:
        watcher.cancel()
        progress.end()
