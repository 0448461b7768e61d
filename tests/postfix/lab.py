"""One run: a private Postfix, the world around it, and the ledger of what was done.

Gives     Lab: send, settle, flush, expire, hold, delete; then ledger(), with expected figures.
Limits    Steps are taken one after another; the ledger is right when the queue is settled.
"""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tests.postfix import mail_queue
from tests.postfix.injection import Injected, Message, inject
from tests.postfix.ledger import Aftermath, Entry, Pair, destinations, entry, expected
from tests.postfix.mail_queue import Queued
from tests.postfix.private_postfix import PrivatePostfix, postfix_version
from tests.postfix.world import World


class Lab:
    """Sends mail through ``postfix`` to ``world`` and knows what must have become of it."""

    def __init__(self, postfix: PrivatePostfix, world: World) -> None:
        self.postfix = postfix
        self.world = world
        self.started = datetime.now(UTC)
        self.injected: list[Injected] = []
        self._pairs: set[Pair] = set()
        self._expired: set[Pair] = set()
        self._removed: set[Pair] = set()

    @property
    def log(self) -> Path:
        """The log that Postfix writes."""
        return self.postfix.log

    def send(self, messages: Iterable[Message], pace_seconds: float = 0.0) -> None:
        """Inject messages in order; ValueError for a pair that the run had before."""
        for message in messages:
            targets = destinations(message.envelope_sender, message.recipients)
            pairs = {(message.envelope_sender, target.recipient) for target in targets}
            if self._pairs & pairs:
                raise ValueError(f"already sent in this run: {self._pairs & pairs}")
            self.injected.append(inject(self.postfix, message))
            self._pairs |= pairs
            time.sleep(pace_seconds)

    def settle(self) -> list[Queued]:
        """Wait until Postfix has nothing left to do."""
        return mail_queue.settle(self.postfix)

    def flush(self) -> list[Queued]:
        """Try deferred mail once more, and settle."""
        return mail_queue.flush(self.postfix)

    def expire(self) -> None:
        """Let all deferred mail reach the end of its queue lifetime: one last try each."""
        waiting = self._deferred_pairs()
        self.postfix.set_parameters(maximal_queue_lifetime="0", bounce_queue_lifetime="0")
        self.flush()
        self.postfix.set_parameters(maximal_queue_lifetime="5d", bounce_queue_lifetime="5d")
        self._expired |= waiting - self._deferred_pairs()

    def force_expire(self, envelope_sender: str, recipient: str) -> None:
        """Expire one deferred message (postsuper -e), and flush."""
        queued = self.find(envelope_sender, recipient)
        mail_queue.force_expire(self.postfix, queued.queue_id)
        self.flush()
        self._expired |= queued.pairs()

    def hold(self, envelope_sender: str, recipient: str) -> None:
        """Hold one deferred message (postsuper -h)."""
        mail_queue.hold(self.postfix, self.find(envelope_sender, recipient).queue_id)

    def delete(self, envelope_sender: str, recipient: str) -> None:
        """Remove one deferred message (postsuper -d)."""
        queued = self.find(envelope_sender, recipient)
        mail_queue.delete(self.postfix, queued.queue_id)
        self._removed |= queued.pairs()

    def find(self, envelope_sender: str, recipient: str) -> Queued:
        """Find the queued message of a pair; LookupError when there is none."""
        for queued in self.settle():
            if (envelope_sender, recipient) in queued.pairs():
                return queued
        raise LookupError(f"not in the queue: from {envelope_sender} to {recipient}")

    def outcomes(self) -> list[tuple[Injected, list[Entry]]]:
        """What became of every recipient up to now."""
        waiting = {pair: q.queue_name for q in self.settle() for pair in q.pairs()}
        aftermath = Aftermath(waiting, frozenset(self._expired), frozenset(self._removed))
        found = []
        for injected in self.injected:
            sender = injected.message.envelope_sender
            entries = []
            for target in destinations(sender, injected.message.recipients):
                answers = self.world.answers(sender, target.recipient)
                entries.append(entry((sender, target.recipient), target, answers, aftermath))
            found.append((injected, entries))
        return found

    def ledger(self, notes: Iterable[str] = ()) -> dict[str, object]:
        """Everything known, ready for JSON."""
        outcomes = self.outcomes()
        return {
            "postfix_version": postfix_version(),
            "started": self.started.isoformat(timespec="seconds"),
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "time_zone": self.postfix.settings.time_zone,
            "messages": [
                {
                    "id": number,
                    "queue_id": injected.queue_id,
                    "envelope_sender": injected.message.envelope_sender,
                    "via": injected.message.via,
                    "injected_us": injected.injected_us,
                    "size": injected.size,
                    "message_id": injected.message.message_id,
                    "recipients": [one.as_json() for one in entries],
                }
                for number, (injected, entries) in enumerate(outcomes, 1)
            ],
            "expected": expected(outcomes, list(self.world.ledger)),
            "notes": list(notes),
        }

    def _deferred_pairs(self) -> set[Pair]:
        return {pair for q in self.settle() if q.queue_name == "deferred" for pair in q.pairs()}
