"""How far the logs have been read and reported, on disk.

A checkpoint is written when everything read before it has been acknowledged: the place in each log,
the reader's state there and the token of the acknowledgement. It is one file, replaced as a whole.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mailtally_agent.reading import Reached
from mailtally_agent.source.disk import Disk

logger = logging.getLogger(__name__)

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where each log is, by its name, and the token of the last acknowledgement."""

    logs: Mapping[str, Reached]
    token: bytes


def load(disk: Disk, path: str) -> Checkpoint | None:
    """The checkpoint; None when there is none.

    A file that cannot be understood is reported and treated as none: the logs are read again from
    their beginnings, and what the collector knows already changes nothing. Raises OSError when the
    file is there and cannot be read.
    """
    try:
        content = disk.read(path)
    except FileNotFoundError:
        return None
    try:
        data = json.loads(content)
        digest = data.pop("digest")
        if data["version"] != _VERSION:
            why = "it is of another version"
        elif digest != _digest(data):
            why = "it is damaged"
        else:
            return _from_data(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = repr(error)
    logger.warning("checkpoint is of no use, reading the logs again path=%s why=%s", path, why)
    return None


def _from_data(data: dict[str, Any]) -> Checkpoint:
    logs = {}
    for name, log in data["logs"].items():
        place = None if log["place"] is None else dict(log["place"])
        logs[str(name)] = Reached(place, dict(log["state"]), dict(log["gaps"]))
    return Checkpoint(logs, bytes.fromhex(data["token"]))


def save(disk: Disk, path: str, checkpoint: Checkpoint) -> None:
    """Replace the file durably; raises OSError."""
    data = {
        "version": _VERSION,
        "logs": {
            name: {"place": reached.place, "state": reached.state, "gaps": reached.gaps}
            for name, reached in checkpoint.logs.items()
        },
        "token": checkpoint.token.hex(),
    }
    data["digest"] = _digest(data)
    disk.replace(path, _text(data))


def _digest(data: dict[str, Any]) -> str:
    """One flipped bit may leave a file that can be read and says something else."""
    return blake2b(_text(data), digest_size=16).hexdigest()


def _text(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode("ascii")
