"""Who this agent is: the key and the certificate that it got from its collector.

File      identity.json in the state folder, mode 0600, written all or nothing: the private key, the
          certificate and the authority's (PEM), the server's name, and when it begins and ends.
          What the program needs at its start stands there in plain, so that it parses no
          certificate.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from mailtally_agent.source.disk import RealDisk

IDENTITY_NAME = "identity.json"


class IdentityError(Exception):
    """The agent has no identity that it could use; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM texts; moments in microseconds since 1970.

    collectors  host:port of those that issued it, in their own words
    """

    server: str
    key: str
    certificate: str
    authority: str
    not_before_us: int
    not_after_us: int
    collectors: tuple[str, ...]

    @property
    def renewal_us(self) -> int:
        """When to ask for the next one: after two thirds of its time."""
        return self.not_after_us - (self.not_after_us - self.not_before_us) // 3


@dataclass(frozen=True, slots=True)
class Material:
    """What TLS needs, PEM."""

    authority: bytes
    key: bytes
    certificate: bytes


def read_identity(state_dir: Path) -> Identity | None:
    """Read it; None when the agent was not enrolled. Raises IdentityError."""
    path = state_dir / IDENTITY_NAME
    try:
        values = json.loads(path.read_bytes())
        identity = Identity(**{**values, "collectors": tuple(values["collectors"])})
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IdentityError(
            f"{path}: {error.strerror or error}; it belongs to the agent's user alone"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise IdentityError(
            f"{path}: damaged ({error}); enrol again: mailtally-collector agents invite NAME on the"
            " collector, mailtally-agent enroll TOKEN here"
        ) from error
    return identity


def keep_identity(state_dir: Path, identity: Identity) -> None:
    """Write it, for the owner of the state folder alone. Raises OSError."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state_dir / IDENTITY_NAME
    RealDisk().replace(str(path), json.dumps(asdict(identity)).encode("ascii"))
    if os.geteuid() == 0:
        owner = state_dir.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
