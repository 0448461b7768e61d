"""A log cut into old files, packed in any way, read by imports that are killed: each record once.

The chain from the look at the files to the window is the real one; a killed import is one that is
simply not used any more. The records are those of the log read in one piece, under the same keys.
"""

import bz2
import gzip
import lzma
import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mailtally_agent.harvest import MARK_EVERY_US, Harvest, HarvestOptions
from mailtally_agent.old_logs import survey
from mailtally_agent.reading import LogOptions, ReadingOptions
from mailtally_agent.ship import Window
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.log_source import PlaceState
from mailtally_agent.source.old_files import OldFiles
from mailtally_agent.source.place import Place
from tests.property.test_harvest_property import EXPECTED, LOG, NOW_US, RULES
from tests.wire import wired

LINES = LOG.splitlines(keepends=True)
PACK = (bytes, gzip.compress, bz2.compress, lzma.compress)
CUTS = st.lists(st.integers(0, len(LINES)), max_size=6).map(sorted)
# After so many chunks of a run: all is acknowledged or nothing, and the import is killed.
KILLS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=6)


def write(folder: Path, cuts: Sequence[int], packs: Sequence[int]) -> list[str]:
    """The files, in an order that tells nothing."""
    paths = []
    for number, (first, end) in enumerate(zip([0, *cuts], [*cuts, len(LINES)], strict=True)):
        path = folder / f"{(number * 5 + 3) % 7}"
        path.write_bytes(PACK[packs[number]](b"".join(LINES[first:end])))
        changed = NOW_US / 1e6 - 60 + number
        os.utime(path, (changed, changed))
        paths.append(str(path))
    return sorted(paths)


class Import:
    """Imports of the same files, one after the other, and what they reported."""

    def __init__(self, folder: Path, paths: list[str]) -> None:
        self.folder = folder
        self.paths = paths
        self.now_us = NOW_US
        self.reported: dict[bytes, None] = {}

    def run(self, chunks: int, *, acknowledge: bool) -> bool:
        """Read so many chunks, report what came of them; whether there was an end."""
        with ExitStack() as opened:
            found = survey(RealDisk(), self.paths, UTC, lambda us: us or NOW_US, opened)
            assert found.problems == []

            def open_logs(place: PlaceState | None) -> OldFiles:
                return OldFiles(found.logs, Place.from_state(place) if place else None, fail)

            options = HarvestOptions(
                [LogOptions("import", open_logs)],
                str(self.folder / "checkpoint.json"),
                ReadingOptions(UTC, RULES),
                since_us=None,
            )
            window = Window(50_000, 10)
            harvest = Harvest(options, RealDisk(), lambda: self.now_us, window)
            more = True
            while more and chunks:
                more = harvest.read_some()
                chunks -= 1
                self.now_us += MARK_EVERY_US
                harvest.save_if_due()
                while batch := window.next_batch(flush=True):
                    self.reported.update(dict.fromkeys(wired(batch.records)))
                    if not acknowledge:
                        break
                    harvest.acknowledged(batch.sequence, b"token")
            return not more


def fail(*args: object) -> None:
    raise AssertionError(args)


@settings(max_examples=40, deadline=None)
@given(CUTS, st.lists(st.integers(0, 3), min_size=7, max_size=7), KILLS)
def test_old_files_give_the_records_of_the_log(
    cuts: list[int], packs: list[int], kills: list[tuple[int, bool]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        imports = Import(folder, write(folder / "logs", cuts, packs))
        for chunks, acknowledge in kills:
            imports.run(chunks, acknowledge=acknowledge)
        while not imports.run(1_000, acknowledge=True):
            pass

        assert list(imports.reported) == EXPECTED
