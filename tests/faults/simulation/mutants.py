"""The product with one fault each, for as long as a block runs: the simulation must see them all.

Gives     ``MUTANTS``: by name, what puts the fault there.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import count
from typing import Any
from unittest.mock import patch

from mailtally_agent import attempt, checkpoint
from mailtally_agent.gap_watch import GapWatch
from mailtally_agent.harvest import Harvest
from mailtally_agent.line_key import Occurrences
from mailtally_agent.log_reader import LogReader
from mailtally_agent.postfix.event import DeliveryLogged
from mailtally_agent.ship import Window
from mailtally_agent.source import log_folder
from mailtally_agent.source.disk import OpenFile
from mailtally_agent.source.growing_file import GrowingFile
from mailtally_agent.source.lines import CHUNK_BYTES, LineCutter, LogCounts
from mailtally_agent.source.log_file import LogFile
from mailtally_agent.source.place import HEAD_BYTES, TAIL_BYTES, Place
from mailtally_collector.records import Record
from mailtally_collector.store import flush, mails, servers, store, write_batch
from mailtally_collector.store.horizon import Horizons
from mailtally_collector.store.mail import NO_FIGURES, Mail
from mailtally_collector.store.mails import Mails
from mailtally_collector.store.rollup import figures
from mailtally_collector.store.rollup_tables import Growth
from mailtally_collector.store.servers import Greeting
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.write_batch import Batch, Stored
from mailtally_collector.store.writer import Writer

Change = Callable[[], AbstractContextManager[object]]


def _of(owner: object, name: str, replacement: object) -> Change:
    return lambda: patch.object(owner, name, replacement)


# The agent: checkpoint and place.


def _save_at_once(self: Harvest) -> None:
    self._take_mark()
    if self._mark is not None:
        self._save(self._mark)
        self._mark = None


def _behind_anything(_: type, file: OpenFile, place: Place, counts: LogCounts) -> GrowingFile:
    head = file.read_at(0, min(HEAD_BYTES, place.offset))
    start = max(0, place.offset - TAIL_BYTES)
    tail = file.read_at(start, place.offset - start)
    return GrowingFile(file, LineCutter(counts, place.offset, head, tail))


def _behind_by_inode(
    kind: type, file: OpenFile, place: Place, counts: LogCounts
) -> GrowingFile | None:
    if file.stat().inode != place.inode or file.stat().size < place.offset:
        return None
    return _behind_anything(kind, file, place, counts)


def _behind_by_head(
    kind: type, file: OpenFile, place: Place, counts: LogCounts
) -> GrowingFile | None:
    head = file.read_at(0, min(HEAD_BYTES, place.offset))
    if file.stat().size < place.offset or not place.begins(head):
        return None
    return _behind_anything(kind, file, place, counts)


def _read_unchecked(self: GrowingFile) -> list[str]:
    cutter = self._cutter
    data = self._file.read_at(cutter.offset, CHUNK_BYTES)
    self._seen = cutter.offset + len(data)
    return cutter.take(data)


@contextmanager
def _half_lines() -> Iterator[None]:
    take = LineCutter.take

    def take_all(self: LineCutter, data: bytes) -> list[str]:
        return take(self, data if data.endswith(b"\n") or not data else data + b"\n")

    with patch.object(LineCutter, "take", take_all):
        yield


@contextmanager
def _torn_line_glued() -> Iterator[None]:
    go_on, read_on = LogFile._go_on, LogFile._read_on
    rests: dict[int, str] = {}

    def go_on_with_rest(self: LogFile, lines: Any) -> bool:
        rest = b""
        if isinstance(lines, GrowingFile) and lines.unfinished:
            offset = lines._cutter.line_offset
            rest = lines._file.read_at(offset, lines._seen - offset)
        more = go_on(self, lines)
        if rest and self._lines is not lines:
            rests[id(self)] = rest.decode("utf-8", "surrogateescape")
        return more

    def read_on_glued(self: LogFile, lines: Any) -> list[str]:
        given = read_on(self, lines)
        if given and id(self) in rests:
            given[0] = rests.pop(id(self)) + given[0]
        return given

    with (
        patch.object(LogFile, "_go_on", go_on_with_rest),
        patch.object(LogFile, "_read_on", read_on_glued),
    ):
        yield


def _read_again_with_a_token(self: Harvest, stored_until_us: int = 0) -> None:
    if self.token:
        _READ_AGAIN(self, stored_until_us)


_READ_AGAIN = Harvest.read_again


# The agent: keys, lines, window.


@contextmanager
def _new_key_each_time() -> Iterator[None]:
    numbers = count(1)

    def number_on(_: Occurrences, moment_us: int, text: str) -> int:
        del moment_us, text
        return next(numbers)

    with patch.object(Occurrences, "count", number_on):
        yield


@contextmanager
def _numbered_on() -> Iterator[None]:
    """Lines that are read again follow those that were read before."""
    begin = LogReader.begin_anew

    def begin_once(self: LogReader, newest_us: int) -> None:
        if not hasattr(self, "_correlator"):
            begin(self, newest_us)

    with patch.object(LogReader, "begin_anew", begin_once):
        yield


def _greedy(text: str) -> DeliveryLogged | None:
    recipient, _, rest = text.partition(">, relay=")
    fields, _, rest = rest.rpartition(", status=")
    relay, _, measures = fields.partition(", ")
    status, parenthesis, tail = rest.partition(" (")
    if not parenthesis or ", dsn=" not in measures or not status.isalpha():
        return None
    return DeliveryLogged(recipient[4:], "", relay, measures, status, tail, False)  # noqa: FBT003


def _forget_sent(self: Window) -> None:
    for batch in self._under_way:
        self.acknowledged += len(batch.news)
    self._under_way.clear()
    self._next_sequence = 1


# The collector.


def _commit_late(self: Writer, group: Sequence[Any]) -> None:
    """Say that it is stored, then store it."""
    futures = []
    for piece in group:
        if isinstance(piece.what, Batch):
            piece.future.set_result(Stored(len(piece.what.records), 0, 0))
            futures.append(replace(piece, future=_running()))
        else:
            futures.append(piece)
    _COMMIT(self, futures)


def _running() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


_COMMIT = Writer._commit


@contextmanager
def _token_elsewhere() -> Iterator[None]:
    """Tokens are kept, but not with the rows: they do not go back in time with these."""
    tokens: set[bytes] = set()
    greet = servers.greet

    def keep(_: Sql, server_id: int, token: bytes, now_us: int) -> None:
        del server_id, now_us
        tokens.add(token)

    def greet_by(sql: Sql, name: str, version: str, token: bytes, now_us: int) -> Greeting:
        greeting = greet(sql, name, version, token, now_us)
        return replace(greeting, resync=bool(token) and token not in tokens)

    with patch.object(write_batch, "store_token", keep), patch.object(store, "greet", greet_by):
        yield


@contextmanager
def _never_resync() -> Iterator[None]:
    greet = servers.greet
    with patch.object(store, "greet", lambda *given: replace(greet(*given), resync=False)):
        yield


def _flush_without_taking_away(sql: Sql, changed: list[Mail]) -> None:
    growth = Growth()
    for mail in changed:
        now = figures(mail)
        if now == mail.counted:
            continue
        for figure, number in now.recipients.items():
            growth.recipients(figure, number)
        if now.message:
            growth.messages(now.message, 1)
        mail.counted = now
    for rollup, rows in growth.rows.items():
        rollup.add(sql, rows)


def _all_young(
    _: Horizons, server_id: int, records: Sequence[Record], rows_us: int
) -> tuple[list[Record], int]:
    del server_id, rows_us
    return list(records), 0


@contextmanager
def _slots_not_whole() -> Iterator[None]:
    """A queue id of which something new is in memory is not looked up any more."""
    prepare = Mails.prepare

    def prepare_few(self: Mails, server_id: int, refs: Any, newest_key_us: int) -> None:
        self._whole |= set(self._slots)
        prepare(self, server_id, refs, newest_key_us)

    with patch.object(Mails, "prepare", prepare_few):
        yield


MUTANTS: dict[str, Change] = {
    "checkpoint before acknowledgement": _of(Harvest, "save_if_due", _save_at_once),
    "checkpoint not verified": _of(GrowingFile, "behind", classmethod(_behind_anything)),
    "checkpoint by inode": _of(GrowingFile, "behind", classmethod(_behind_by_inode)),
    "checkpoint by the head alone": _of(GrowingFile, "behind", classmethod(_behind_by_head)),
    "damaged checkpoint believed": _of(checkpoint, "_digest", lambda _: ""),
    "no look at the place with each read": _of(GrowingFile, "read", _read_unchecked),
    "rotated files ignored": _of(log_folder, "siblings", lambda name, _: [name]),
    "half a line is a line": _half_lines,
    "torn line glued to the next file": _torn_line_glued,
    "gap not reported": _of(GapWatch, "begin", lambda *_: None),
    "forgotten lines not reported": _of(GapWatch, "forgotten", lambda *_: None),
    "lines read again numbered on": _numbered_on,
    "new key at each reading": _new_key_each_time,
    "equal lines are one": _of(Occurrences, "count", lambda *_: 1),
    "greedy status": _of(attempt, "parse_delivery", _greedy),
    "unacknowledged forgotten": _of(Window, "reconnect", _forget_sent),
    "agent does not resync": _of(Harvest, "read_again", lambda *_: None),
    "lost checkpoint not told": _of(Harvest, "read_again", _read_again_with_a_token),
    "collector asks for no resync": _never_resync,
    "token not in the transaction": _token_elsewhere,
    "acknowledgement before commit": _of(Writer, "_commit", _commit_late),
    "no dedupe": _of(Mails, "note_attempt", lambda *_: True),
    "late outcome not moved": _of(flush, "_flush_rollups", _flush_without_taking_away),
    "stored mail counted again": _of(mails, "figures", lambda _: NO_FIGURES),
    "memory not dropped after a rollback": _of(write_batch.BatchStore, "forget", lambda _: None),
    "horizon ignored": _of(Horizons, "divide", _all_young),
    "new mail hides stored mail": _slots_not_whole,
}
