"""The collector's settings on disk, so that they hold after a restart without a collector."""

import json
import logging
from dataclasses import dataclass

from mailtally_agent.schedule import Mode, Settings
from mailtally_agent.source.disk import Disk

logger = logging.getLogger(__name__)

SETTINGS_NAME = "settings.json"


@dataclass(frozen=True, slots=True)
class SavedSettings:
    """Settings, None before any came; and when the log was read to its end last, 0 for never."""

    settings: Settings | None = None
    collected_us: int = 0


def load_settings(disk: Disk, path: str) -> SavedSettings:
    """Read the file; what cannot be understood is reported and treated as none.

    Raises OSError when the file is there and cannot be read.
    """
    try:
        data = json.loads(disk.read(path))
        mode, seconds = Mode(data["collection"]), int(data["interval_seconds"])
        if mode is Mode.INTERVAL:
            seconds = max(1, seconds)
        settings = Settings(int(data["revision"]), mode, seconds)
        return SavedSettings(settings, int(data["collected_us"]))
    except FileNotFoundError:
        return SavedSettings()
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("settings are of no use, waiting for others path=%s why=%r", path, error)
        return SavedSettings()


def save_settings(disk: Disk, path: str, saved: SavedSettings) -> None:
    """Replace the file durably; a full disk is logged and stops nothing."""
    if saved.settings is None:
        return
    data = {
        "revision": saved.settings.revision,
        "collection": saved.settings.mode.value,
        "interval_seconds": saved.settings.interval_seconds,
        "collected_us": saved.collected_us,
    }
    try:
        disk.replace(path, json.dumps(data).encode("ascii"))
    except OSError as error:
        logger.warning("settings cannot be kept path=%s why=%s", path, error)
