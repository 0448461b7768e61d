"""The reference reader: a log in, the objects of docs/records.md out.

Gives     objects(): one for each attempt and each end of a message, in log order.
Limits    Reads addresses that Postfix quoted; keeps every message of which no end was logged. Takes
          the default next hops of our own, 127.0.0.1.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from hashlib import blake2b
from typing import NamedTuple

from tests.reference.attempt import direction, link, told
from tests.reference.generation import Generation, Object, shown
from tests.reference.header import Header, read_header
from tests.reference.shapes import AMAVIS, OF_QUEUE_ID, SHAPES, TLS

_PROBED = {"deliverable", "undeliverable", "undeliverable-but-not-cached"}


class Session(NamedTuple):
    """A TLS session of one process, and whose mail it carried last."""

    relay: str
    told: Object
    user: str


def objects(lines: Iterable[str], year: int) -> list[Object]:
    """Everything that a log tells, in order."""
    log = _Log()
    headers = (read_header(line, year) for line in lines)
    return [one for header in headers if header for one in log.read(header)]


class _Log:
    def __init__(self) -> None:
        self.open: dict[tuple[str, str], Generation] = {}
        self.sessions: dict[str, Session] = {}
        self.seen: Counter[tuple[str, str, str]] = Counter()

    def read(self, header: Header) -> Iterator[Object]:
        """What one line tells."""
        if header.daemon == "amavis":
            self._scored(header)
        session = TLS.fullmatch(header.text)
        if session:
            facts = {name: session[name] for name in ("trust", "protocol", "cipher")}
            self.sessions[header.process] = Session(session["relay"], facts, "")
        match = OF_QUEUE_ID.fullmatch(header.text)
        if match is None or not header.instance:
            return
        for name, (daemons, expression) in SHAPES.items():
            line = expression.fullmatch(match["rest"])
            if line and header.daemon in daemons:
                yield from self._happened(name, header, match["queue_id"], line)
                return

    def _happened(
        self, name: str, header: Header, queue_id: str, line: re.Match[str]
    ) -> Iterator[Object]:
        if name in {"client", "submitted"}:
            self._began(name, header, queue_id, line)
            return
        if name == "refused":
            self.open.pop((header.instance, queue_id), None)
            return
        known = self.open.get((header.instance, queue_id))
        generation = known or self._begin(header, queue_id)
        if name == "delivery":
            yield self._attempt(header, generation, line, is_new=known is None)
        elif name == "completed":
            yield generation.ended(header.time, "completed")
            del self.open[header.instance, queue_id]
        elif name == "administered" and line["what"] in {"removed", "requeued"}:
            yield generation.ended(header.time, line["what"])
            if line["what"] == "removed":
                del self.open[header.instance, queue_id]
        elif name == "message_id":
            generation.message_id = line["message_id"]
        elif name == "expired":
            generation.expired = True
        elif name == "notified":
            generation.links.append({"kind": "notification", "queue_id": line["child"]})
            self._pass_on(self.open.get((header.instance, line["child"])), "notification")
        elif name == "active" and generation.envelope_sender is None:
            _accepted(generation, line)

    def _begin(self, header: Header, queue_id: str) -> Generation:
        generation = Generation(header.instance, queue_id, header.time)
        self.open[header.instance, queue_id] = generation
        return generation

    def _began(self, name: str, header: Header, queue_id: str, line: re.Match[str]) -> None:
        generation = self._begin(header, queue_id)
        generation.origin_seen = True
        if name == "client":
            generation.client = {
                key: line[key] or "" for key in ("name", "address", "method", "user")
            }
            parent = self._elsewhere(line["original"] or "", generation)
            if parent:
                parent.links.append({"kind": "hop", "queue_id": queue_id})
                self._pass_on(generation, parent.traffic_class)
            return
        generation.submit_uid = int(line["uid"])
        earlier = self.open.pop((header.instance, line["earlier"] or ""), None)
        if earlier:
            generation.arrival = earlier.arrival
            generation.client, generation.submit_uid = earlier.client, earlier.submit_uid
            generation.traffic_class = earlier.traffic_class

    def _attempt(
        self, header: Header, generation: Generation, line: re.Match[str], *, is_new: bool
    ) -> Object:
        fields = told(line)
        if is_new:
            generation.arrival = header.time - timedelta(microseconds=fields["delay_us"])
        if fields["status"] in _PROBED:
            generation.traffic_class = "probe"
        name = fields["recipient"], fields["orig_to"]
        count = generation.tried(name, header.time, header.daemon, fields["status"])
        towards = direction(header.daemon, fields)
        attempt = {
            "kind": "attempt",
            "time": shown(header.time),
            **generation.described(),
            "daemon": header.daemon,
            **fields,
            "direction": towards,
            "traffic_class": generation.traffic_class,
            "attempt": count,
            "tls": self._session(header, generation.queue_id, line),
            "line_hash": self._hash(header),
        }
        led = link(fields, towards)
        if led:
            generation.links.append(led)
            child = self._elsewhere(led["queue_id"], generation)
            if towards == "internal_hop":
                self._pass_on(child, generation.traffic_class)
            elif led["kind"] == "forward" and child and child.instance == generation.instance:
                self._pass_on(child, "forward")
        return attempt

    def _session(self, header: Header, queue_id: str, line: re.Match[str]) -> Object | None:
        """The TLS session of this connection: it begins with a line and lasts while it is used."""
        session = self.sessions.pop(header.process, None)
        if session is None or session.relay != line["relay"]:
            return None
        if session.user not in {"", queue_id} and not line["conn_use"]:
            return None
        self.sessions[header.process] = session._replace(user=queue_id)
        return session.told

    def _hash(self, header: Header) -> str:
        """docs/decisions/0002-content-keys.md."""
        content = f"{header.process}]: {header.text}"
        self.seen[shown(header.time), header.process, header.text] += 1
        count = self.seen[shown(header.time), header.process, header.text]
        number = f"\0{count}" if count > 1 else ""
        hashed = blake2b(f"{content}{number}".encode("utf-8", "surrogateescape"), digest_size=8)
        return f"{int.from_bytes(hashed.digest(), 'big') >> 1:016x}"

    def _scored(self, header: Header) -> None:
        line = AMAVIS.fullmatch(header.text)
        generation = self._elsewhere(line["queue_id"], None) if line else None
        if line and generation:
            score = None if line["score"] == "-" else float(line["score"])
            verdict = line["verdict"]
            generation.spam_score = {
                "scanner": "amavis",
                "score": score,
                "required": None,
                "verdict": verdict,
            }

    def _elsewhere(self, queue_id: str, but: Generation | None) -> Generation | None:
        """The open message of a queue id, in the same instance if possible, else in another."""
        found = [one for (_, name), one in self.open.items() if name == queue_id and one is not but]
        near = [one for one in found if but and one.instance == but.instance]
        return next(iter(near + found), None)

    def _pass_on(self, generation: Generation | None, traffic_class: str) -> None:
        if generation:
            generation.become(traffic_class)


def _accepted(generation: Generation, line: re.Match[str]) -> None:
    sender = line["sender"]
    generation.envelope_sender = sender
    generation.size_bytes, generation.recipient_count = int(line["size"]), int(line["count"])
    if not sender:
        generation.become("notification")
    elif sender == "double-bounce" or sender.startswith("double-bounce@"):
        generation.become("probe")
