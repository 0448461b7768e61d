"""Programs with a seeded fault, and which layer with real processes sees it, after how many tries.

``python -m tests.faults.process_mutants``: each mutant meets crash points, then black-box
schedules, until something is wrong; one line for each: name, layer, number of the point or
schedule. Exit status 1 when one is caught by neither. ``--mutant NAME`` tries that one.

Both layers stop processes, never the power: what the kernel was given it keeps. Mutants that only a
power cut shows are listed with the reason; the simulation is for them.
"""

import argparse
import atexit
import sys
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.processes import end_all
from tests.faults.blackbox.plan import plan_of
from tests.faults.blackbox.several import play_all
from tests.faults.crash_points.run import run_points
from tests.faults.crash_points.strace import refusal
from tests.faults.patches import Mutant

POINTS = 60
SCHEDULES = 90
RECOVERY_SECONDS = 15.0
FIRST_SEED = 1

MUTANTS = (
    Mutant(
        "checkpoint written in place",
        "agent",
        """
from pathlib import Path
from mailtally_agent.source.disk import RealDisk
def replace(self, path, content):
    with open(path, "wb", buffering=0) as file:
        file.write(content[:40])
        file.write(content[40:])
RealDisk.replace = replace
""",
    ),
    Mutant(
        "checkpoint before the acknowledgement",
        "agent",
        """
from mailtally_agent.harvest import Harvest
def save_if_due(self):
    self._take_mark()
    if self._mark is not None:
        self._save(self._mark)
        self._mark = None
Harvest.save_if_due = save_if_due
""",
    ),
    Mutant(
        "place taken at any offset",
        "agent",
        """
from mailtally_agent.source import search
from mailtally_agent.source.growing_file import GrowingFile
from mailtally_agent.source.lines import LineCutter
def behind(cls, file, place, counts):
    head = file.read_at(0, min(1024, place.offset))
    tail = file.read_at(max(0, place.offset - 256), min(256, place.offset))
    return cls(file, LineCutter(counts, place.offset, head, tail))
GrowingFile.behind = classmethod(behind)
""",
    ),
    Mutant(
        "rotated logs not looked at",
        "agent",
        """
from mailtally_agent.source import log_folder
log_folder.siblings = lambda file_name, names: [file_name]
""",
    ),
    Mutant(
        "half a line taken for a whole one",
        "agent",
        """
from mailtally_agent.source.lines import LineCutter
_take = LineCutter.take
def take(self, data):
    return _take(self, data if data.endswith(b"\\n") or not data else data + b"\\n")
LineCutter.take = take
""",
    ),
    Mutant(
        "another key at every start",
        "agent",
        """
import os
from mailtally_agent import line_key
_hash63, _salt = line_key._hash63, os.urandom(4)
line_key._hash63 = lambda content: _hash63(content + _salt)
""",
    ),
    Mutant(
        "gaps kept silent",
        "agent",
        """
from mailtally_agent.gap_watch import GapWatch
GapWatch.begin = lambda self, hole, newest_us: None
""",
    ),
    Mutant(
        "unacknowledged records forgotten with the connection",
        "agent",
        """
from mailtally_agent.ship import Window
def reconnect(self):
    for batch in self._under_way:
        self.acknowledged += len(batch.records)
    self._under_way.clear()
    self._next_sequence = 1
Window.reconnect = reconnect
""",
    ),
    Mutant(
        "acknowledged before the commit",
        "collector",
        """
import asyncio
from mailtally_collector.store import store
from mailtally_collector.store.write_batch import Stored
_batch = store.Store.batch
def batch(self, server, records, *more):
    _batch(self, server, records, *more).add_done_callback(lambda done: done.exception())
    done = asyncio.get_running_loop().create_future()
    done.set_result(Stored(len(records), 0, 0))
    return done
store.Store.batch = batch
""",
    ),
    Mutant(
        "failed writes swallowed",
        "collector",
        """
from mailtally_collector.store import writer
from mailtally_collector.store.write_batch import Batch, Stored
_try = writer.Writer._try
def swallow(self, group):
    try:
        return _try(self, group)
    except Exception:
        if not all(isinstance(piece.what, Batch) for piece in group):
            raise
        self._batches.forget()
        return [Stored(len(piece.what.records), 0, 0) for piece in group]
writer.Writer._try = swallow
""",
    ),
    Mutant(
        "unknown tokens taken for known",
        "collector",
        """
from dataclasses import replace
from mailtally_collector.store import store
_greet = store.greet
store.greet = lambda *given: replace(_greet(*given), resync=False)
""",
    ),
    Mutant(
        "messages that are read again counted again",
        "collector",
        """
from mailtally_collector.store import mails
from mailtally_collector.store.mail import NO_FIGURES
mails.figures = lambda mail: NO_FIGURES
""",
    ),
    Mutant(
        "rename without the folder's fsync",
        "agent",
        "",
        unseen="a power cut only: the kernel keeps what a killed process renamed",
    ),
    Mutant(
        "synchronous=OFF",
        "collector",
        "",
        unseen="a power cut only: the kernel keeps what a killed process wrote",
    ),
)


@dataclass(frozen=True, slots=True)
class Caught:
    """Which layer saw a mutant, after how many tries, and what it saw."""

    layer: str
    tries: int
    seen: str


def catch(mutant: Mutant, jobs: int) -> Caught | None:
    """Try it until something is wrong; None when nothing is."""
    for layer, tries in (("crash points", _by_points), ("black box", _by_schedules)):
        wrongs = tries(mutant, jobs)
        for number, wrong in enumerate(wrongs, 1):
            if wrong:
                wrongs.close()
                return Caught(layer, number, wrong[0])
    return None


def _by_points(mutant: Mutant, jobs: int) -> Generator[Sequence[str], None, None]:
    with tempfile.TemporaryDirectory(prefix="mutant-", ignore_cleanup_errors=True) as name:
        programs = (mutant.program,)
        for outcome in run_points(
            Path(name),
            POINTS,
            jobs=jobs,
            seed=1,
            programs=programs,
            recovery_seconds=RECOVERY_SECONDS,
            mutant=mutant,
        ):
            yield [f"{outcome.point}: {one}" for one in outcome.wrong]


def _by_schedules(mutant: Mutant, jobs: int) -> Generator[Sequence[str], None, None]:
    plans = [plan_of(seed) for seed in range(FIRST_SEED, FIRST_SEED + SCHEDULES)]
    for played in play_all(plans, jobs, RECOVERY_SECONDS, mutant):
        yield [f"seed {played.seed}: {one}" for one in played.wrong]


def main() -> int:
    """Try mutants and print which layer caught them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutant", metavar="NAME", help="this one only")
    parser.add_argument("--jobs", type=int, default=4, help="at the same time (default 4)")
    options = parser.parse_args()
    if why := refusal():
        print(why, file=sys.stderr)
        return 1
    atexit.register(end_all)
    missed = 0
    print(f"{'mutant':<54}{'caught by':<16}{'after':>6}")
    for mutant in MUTANTS:
        if options.mutant not in {None, mutant.name}:
            continue
        if mutant.unseen:
            print(f"{mutant.name:<54}not seen here: {mutant.unseen}")
            continue
        caught = catch(mutant, options.jobs)
        missed += caught is None
        layer, tries = (caught.layer, caught.tries) if caught else ("NOTHING", POINTS + SCHEDULES)
        print(
            f"{mutant.name:<54}{layer:<16}{tries:>6}  {caught.seen if caught else ''}", flush=True
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
