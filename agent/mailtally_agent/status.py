"""How the agent is doing, for ``mailtally-agent status``: a JSON file in the state folder."""

import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailtally_agent import __version__
from mailtally_agent.collecting import Collecting
from mailtally_agent.harvest import Harvest
from mailtally_agent.reading import Reading

logger = logging.getLogger(__name__)

STATUS_NAME = "status.json"
# A running agent writes every few seconds, also when it cannot reach its collector.
STALE_SECONDS = 60


class StatusFile:
    """Writes the file; a full disk is logged and does not stop the agent."""

    def __init__(self, state_dir: Path, server: str, clock: Callable[[], int]) -> None:
        """Take the state folder, and a clock that gives microseconds since 1970."""
        self._path = state_dir / STATUS_NAME
        self._server = server
        self._clock = clock

    def write_connected(
        self, harvest: Harvest, backlog_bytes: int, collecting: Collecting | None
    ) -> None:
        """The collector takes our records."""
        state = {"connected": True, "backlog_bytes": backlog_bytes, "problem": None}
        self._write(harvest, state | _collection(collecting))

    def write_waiting(self, harvest: Harvest, problem: str, collecting: Collecting | None) -> None:
        """Nothing is reported at present; problem says why."""
        state = {"connected": False, "problem": problem}
        self._write(harvest, state | _collection(collecting))

    def _write(self, harvest: Harvest, more: dict[str, Any]) -> None:
        totals = harvest.totals()
        status = {
            "version": __version__,
            "pid": os.getpid(),
            "server": self._server,
            "time": _iso(self._clock()),
            **more,
            "oldest_line": _iso(totals.oldest_us),
            "newest_line": _iso(totals.newest_us),
            "lines_read": totals.lines,
            "lines_unparsed": dict(totals.unparsed),
            "unparsed_samples": totals.samples,
            "lines_oversize": totals.oversize,
            "lines_torn": totals.torn,
            "gaps": totals.gaps,
            "gaps_suspected": totals.suspected,
            "syslog_losses": totals.losses,
            "open_messages": totals.open_messages,
            "logs": [_log(reading) for reading in harvest.readings],
            "records_acknowledged": harvest.window.acknowledged,
            "records_waiting": harvest.window.added - harvest.window.acknowledged,
        }
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_text(json.dumps(status, indent=2) + "\n", encoding="ascii")
            temporary.replace(self._path)
        except OSError as error:
            logger.warning("status cannot be written path=%s why=%s", self._path, error)


def _log(reading: Reading) -> dict[str, Any]:
    return {
        "name": reading.name,
        "newest_line": _iso(reading.reader.newest_us),
        "backlog_bytes": reading.backlog_bytes(),
        "problem": None if reading.problem is None else str(reading.problem),
    }


def _collection(collecting: Collecting | None) -> dict[str, Any]:
    """How the log is collected; nothing for one that is read to its end and left."""
    if collecting is None:
        return {}
    settings = collecting.settings
    return {
        "collection": settings.mode.value if settings else None,
        "interval_seconds": settings.interval_seconds if settings else None,
        "settings_revision": collecting.revision,
        "next_collection": _iso(collecting.next_us or None),
    }


def _iso(time_us: int | None) -> str | None:
    """RFC 3339 in UTC, or None."""
    if time_us is None:
        return None
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).isoformat(timespec="microseconds")
