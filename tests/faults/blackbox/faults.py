"""What each kind of fault does: a block during which it lasts, healed at its end.

Gives     ``FAULTS``: by name, as plan.py draws them.
Clocks    An agent's may be nine years ahead. A collector's may not: by that clock everything is
          older than retention keeps it.
"""

import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from random import Random

from tests.e2e.processes import run
from tests.faults.blackbox.plan import Fault
from tests.faults.blackbox.rotation import PACKINGS, rotate
from tests.faults.blackbox.world import Host, Station, World

Begin = Callable[[World, Fault], AbstractContextManager[None]]
SLOW_BYTES_PER_SECOND = 16_000
LATE_SECONDS = 3.0
BLOCK = 4_096
AGENT_CLOCKS = (-7_200, 86_400, 300_000_000)
COLLECTOR_CLOCKS = (-7_200, 86_400)
END_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'mailtally-collector'"
)


def chance(fault: Fault) -> Random:
    """Chance of one fault, the same whatever else happens."""
    return random.Random(fault.seed)  # noqa: S311 - repeatable


def host_of(world: World, fault: Fault) -> Host:
    """The mail host that is hit."""
    return world.hosts[fault.target % len(world.hosts)]


def station_of(world: World, fault: Fault) -> Station:
    """The collector that is hit."""
    return world.stations[fault.target % len(world.stations)]


def fill(path: Path) -> None:
    """Take all room that is left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"\0" * BLOCK):
            pass


def _down(of: Callable[[World, Fault], Host | Station], number: signal.Signals) -> Begin:
    return lambda world, fault: of(world, fault).kept.down(number)


def _stopped(of: Callable[[World, Fault], Host | Station]) -> Begin:
    return lambda world, fault: of(world, fault).kept.stopped()


@contextmanager
def _cut(world: World, fault: Fault) -> Iterator[None]:
    host_of(world, fault).switch.cut()
    yield


def _packing(world: World) -> str:
    """How old logs are packed on these hosts."""
    return PACKINGS[world.plan.seed % len(PACKINGS)]


@contextmanager
def _rotated(world: World, fault: Fault) -> Iterator[None]:
    rotate(host_of(world, fault).writer, f"create\n    {_packing(world)}")
    yield


@contextmanager
def _copied_and_truncated(world: World, fault: Fault) -> Iterator[None]:
    writer = host_of(world, fault).writer
    writer.ledger.may_suspect = True
    with writer.silent():
        rotate(writer, f"copytruncate\n    {_packing(world)}")
    yield


@contextmanager
def _truncated_while_written(world: World, fault: Fault) -> Iterator[None]:
    writer = host_of(world, fault).writer
    with writer.ledger.doubt():
        rotate(writer, f"copytruncate\n    {_packing(world)}")
    yield


@contextmanager
def _folder_away(world: World, fault: Fault) -> Iterator[None]:
    folder = host_of(world, fault).writer.path.parent
    away = folder.with_name("away")
    folder.rename(away)
    yield
    away.rename(folder)


@contextmanager
def _deleted_unread(world: World, fault: Fault) -> Iterator[None]:
    """Delete what was rotated while nobody read it."""
    host = host_of(world, fault)
    with host.kept.down():
        yield
        host.writer.ledger.may_lose = True
        rotate(host.writer, f"create\n    {_packing(world)}")
        for path in host.writer.path.parent.glob("mail.log.*"):
            path.unlink()


def _state_changed(change: Callable[[Path, Random], None]) -> Begin:
    """Change the state of an agent that is down."""

    @contextmanager
    def begin(world: World, fault: Fault) -> Iterator[None]:
        host = host_of(world, fault)
        with host.kept.down():
            change(host.agent.state, chance(fault))
            yield

    return begin


def _flip(state: Path, chance: Random) -> None:
    """Turn one bit of one file over."""
    for path in _some_file(state, chance):
        content = bytearray(path.read_bytes())
        if content:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            path.write_bytes(content)


def _shorten(state: Path, chance: Random) -> None:
    """Leave the beginning of one file, perhaps nothing of it."""
    for path in _some_file(state, chance):
        content = path.read_bytes()
        path.write_bytes(content[: chance.randrange(len(content) + 1)])


def _some_file(state: Path, chance: Random) -> list[Path]:
    """One of the files, if there are any; not the status, which nothing reads again."""
    files = sorted(path for path in state.glob("*.json") if path.name != "status.json")
    return [chance.choice(files)] if files else []


def _empty(state: Path, _: Random) -> None:
    """Remove everything; a disk of its own stays."""
    for path in state.glob("*"):
        path.unlink()


@contextmanager
def _gone_while_running(world: World, fault: Fault) -> Iterator[None]:
    state = host_of(world, fault).agent.state
    shutil.rmtree(state, ignore_errors=True)
    yield


def _full(folder_of: Callable[[World, Fault], Path]) -> Begin:
    @contextmanager
    def begin(world: World, fault: Fault) -> Iterator[None]:
        ballast = folder_of(world, fault) / "ballast"
        fill(ballast)
        yield
        ballast.unlink(missing_ok=True)

    return begin


@contextmanager
def _older_database(world: World, fault: Fault) -> Iterator[None]:
    """Put back a copy that was made when the fault began."""
    station = station_of(world, fault)
    database = Path(station.collector.database)
    copy = world.folder / f"copy{fault.seed}.db"
    made = run("mailtally-collector", "backup", str(copy), "--database", str(database))
    yield
    # A full disk can have kept the copy from being made.
    if made.returncode == 0:
        with station.kept.down():
            for name in ("", "-wal", "-shm"):
                database.with_name(f"{database.name}{name}").unlink(missing_ok=True)
            shutil.copy(copy, database)


def _clock(of: Callable[[World, Fault], Host | Station], offsets: tuple[int, ...]) -> Begin:
    @contextmanager
    def begin(world: World, fault: Fault) -> Iterator[None]:
        clock = of(world, fault).clock
        clock.set(chance(fault).choice(offsets))
        yield
        clock.set(0)

    return begin


@contextmanager
def _other_collector(world: World, fault: Fault) -> Iterator[None]:
    host_of(world, fault).switch.point(chance(fault).choice(world.collectors).address)
    yield


@contextmanager
def _database_crashed(world: World, _: Fault) -> Iterator[None]:
    assert world.cluster is not None
    world.cluster.stop("immediate")
    yield
    world.cluster.start()


@contextmanager
def _connections_ended(world: World, _: Fault) -> Iterator[None]:
    assert world.cluster is not None
    world.cluster.psql("postgres", END_CONNECTIONS)
    yield


FAULTS: dict[str, Begin] = {
    "agent killed": _down(host_of, signal.SIGKILL),
    "agent restarted": _down(host_of, signal.SIGTERM),
    "agent stopped": _stopped(host_of),
    "collector killed": _down(station_of, signal.SIGKILL),
    "collector restarted": _down(station_of, signal.SIGTERM),
    "collector stopped": _stopped(station_of),
    "connection cut": _cut,
    "network held": lambda world, fault: host_of(world, fault).switch.holding(),
    "network refuses": lambda world, fault: host_of(world, fault).switch.refusing(),
    "answers lost": lambda world, fault: host_of(world, fault).switch.losing_answers(),
    "network slow": lambda world, fault: host_of(world, fault).switch.slowing(
        SLOW_BYTES_PER_SECOND
    ),
    "network late": lambda world, fault: host_of(world, fault).switch.delaying(LATE_SECONDS),
    "log rotated": _rotated,
    "log copied and truncated": _copied_and_truncated,
    "log truncated while written": _truncated_while_written,
    "log folder away": _folder_away,
    "logs deleted unread": _deleted_unread,
    "state flipped": _state_changed(_flip),
    "state cut": _state_changed(_shorten),
    "state gone": _state_changed(_empty),
    "state gone while running": _gone_while_running,
    "agent disk full": _full(lambda world, fault: host_of(world, fault).agent.state),
    "collector disk full": _full(
        lambda world, fault: Path(station_of(world, fault).collector.database).parent
    ),
    "older database": _older_database,
    "agent clock": _clock(host_of, AGENT_CLOCKS),
    "collector clock": _clock(station_of, COLLECTOR_CLOCKS),
    "other collector": _other_collector,
    "database crashed": _database_crashed,
    "connections ended": _connections_ended,
}
