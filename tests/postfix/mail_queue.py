"""The queue of a private Postfix, seen and steered as an administrator does.

Mirrors   postqueue(1) -j and -f; postsuper(1) -h, -d and -e.
Gives     queue listing, flush, settle: waiting until Postfix has nothing left to do by itself.
Limits    Waits by looking at the queue alone, never at the log that is under test.
"""

import json
import time
from dataclasses import dataclass

from tests.postfix.private_postfix import PrivatePostfix

AT_REST = frozenset({"deferred", "hold"})
PATIENCE_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Queued:
    """One message of ``postqueue -j``; null sender as the empty string."""

    queue_id: str
    queue_name: str
    envelope_sender: str
    recipients: tuple[str, ...]

    def pairs(self) -> set[tuple[str, str]]:
        """Return (envelope sender, recipient) of what is still to be delivered."""
        return {(self.envelope_sender, recipient) for recipient in self.recipients}


def listing(postfix: PrivatePostfix) -> list[Queued]:
    """List every message that Postfix still has."""
    done = postfix.command("postqueue", "-c", str(postfix.config_directory), "-j")
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        Queued(
            queue_id=message["queue_id"],
            queue_name=message["queue_name"],
            envelope_sender="" if message["sender"] == "MAILER-DAEMON" else message["sender"],
            recipients=tuple(recipient["address"] for recipient in message["recipients"]),
        )
        for message in messages
    ]


def settle(postfix: PrivatePostfix) -> list[Queued]:
    """Wait until only deferred and held messages are left, in two listings alike; give the last."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    before: list[Queued] | None = None
    while time.monotonic() < deadline:
        now = sorted(listing(postfix), key=lambda message: message.queue_id)
        if now == before and all(message.queue_name in AT_REST for message in now):
            return now
        before = now
        time.sleep(0.2)
    raise TimeoutError(f"the queue did not settle in {PATIENCE_SECONDS:.0f} s: {before}")


def flush(postfix: PrivatePostfix) -> list[Queued]:
    """Try all deferred mail once more, wait for each to be tried, and settle."""
    before = deferred_changes(postfix)
    postfix.command("postqueue", "-c", str(postfix.config_directory), "-f")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while untried := before.items() & deferred_changes(postfix).items():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not tried again after a flush: {sorted(untried)}")
        time.sleep(0.05)
    return settle(postfix)


def deferred_changes(postfix: PrivatePostfix) -> dict[str, int]:
    """Inode change time per queue id of the deferred queue: qmgr touches it at every try."""
    changes: dict[str, int] = {}
    for path in (postfix.queue_directory / "deferred").glob("**/*"):
        try:
            if path.is_file():
                changes[path.name] = path.stat().st_ctime_ns
        except FileNotFoundError:
            continue
    return changes


def hold(postfix: PrivatePostfix, queue_id: str) -> None:
    """Put a message on hold."""
    postfix.command("postsuper", "-c", str(postfix.config_directory), "-h", queue_id)


def delete(postfix: PrivatePostfix, queue_id: str) -> None:
    """Remove a message without telling anyone."""
    postfix.command("postsuper", "-c", str(postfix.config_directory), "-d", queue_id)


def force_expire(postfix: PrivatePostfix, queue_id: str) -> None:
    """Make a message expire at its next try."""
    postfix.command("postsuper", "-c", str(postfix.config_directory), "-e", queue_id)


def requeue(postfix: PrivatePostfix, queue_id: str) -> None:
    """Let a message begin anew under another queue id (postsuper -r)."""
    postfix.command("postsuper", "-c", str(postfix.config_directory), "-r", queue_id)
