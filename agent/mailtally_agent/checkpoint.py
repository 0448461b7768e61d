"""How far the log has been read and reported, on disk.

A checkpoint is written when everything read before it has been acknowledged: the place in the log,
the reader's state there and the token of the acknowledgement. It is one file, replaced as a whole.
"""

import json
import logging
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mailtally_agent.source.disk import Disk
from mailtally_agent.source.place import Place

logger = logging.getLogger(__name__)

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """place None: nothing read yet. state as LogReader.state() gives it. token of the last ack."""

    log: str
    place: Place | None
    state: dict[str, Any]
    token: bytes


def load(disk: Disk, path: str, log: str) -> Checkpoint | None:
    """The checkpoint of that log; None when there is none.

    A file that cannot be understood is reported and treated as none: the log is read again from its
    beginning, and what the collector knows already changes nothing. Raises OSError when the file is
    there and cannot be read.
    """
    try:
        content = disk.read(path)
    except FileNotFoundError:
        return None
    body, _, digest = content.partition(b"\n")
    try:
        if digest != _digest(body):
            raise ValueError("it is damaged")  # noqa: TRY301 - like any other damage
        data = json.loads(body)
        if data["version"] == _VERSION and data["log"] == log:
            return _from_data(data)
        why = "it is of another log or version"
    except (ValueError, KeyError, TypeError) as error:
        why = repr(error)
    logger.warning("checkpoint is of no use, reading the log again path=%s why=%s", path, why)
    return None


def _from_data(data: dict[str, Any]) -> Checkpoint:
    place = None if data["place"] is None else Place.from_state(data["place"])
    return Checkpoint(data["log"], place, dict(data["state"]), bytes.fromhex(data["token"]))


def save(disk: Disk, path: str, checkpoint: Checkpoint) -> None:
    """Replace the file durably; raises OSError."""
    data = {
        "version": _VERSION,
        "log": checkpoint.log,
        "place": None if checkpoint.place is None else checkpoint.place.to_state(),
        "state": checkpoint.state,
        "token": checkpoint.token.hex(),
    }
    body = json.dumps(data, separators=(",", ":")).encode("ascii")
    disk.replace(path, body + b"\n" + _digest(body))


def _digest(body: bytes) -> bytes:
    """One flipped bit may leave a file that can be read and says something else."""
    return blake2b(body, digest_size=16).hexdigest().encode("ascii") + b"\n"
