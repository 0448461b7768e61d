"""What an agent reports, as plain values: one record says what one log line says.

Mirrors   proto/mailtally/v1/record.proto, field by field, and its units: moments and durations
          are integer microseconds, text that a stranger can influence is bytes.
Limits    Tuples, because every line of a log becomes some: they are made three times as fast as
          dataclasses. What is in them has been checked by ingest_codec: integers fit 64 bits, text
          has no NUL.
"""

from collections.abc import Callable
from typing import NamedTuple


class RecordKey(NamedTuple):
    """One line of one server's log; ordered by time, then by hash."""

    time_us: int
    line_hash: int


def short_hash(line_hash: int) -> int:
    """31 bits of a line's hash, which tell lines of one queue id and moment apart.

    Attempts keep all 63: one message may have thousands of them within a second.
    """
    return line_hash >> 32


class MessageRef(NamedTuple):
    """The message that a record is about, as far as the agent could tell.

    ``first_line``  with a short hash.
    """

    instance: str
    queue_id: str
    first_line: RecordKey
    origin_seen: bool
    arrival_us: int


class Accepted(NamedTuple):
    """A message entered the queue."""

    envelope_sender: bytes
    size_bytes: int
    recipient_count: int
    message_id: bytes
    client_name: str
    client_address: str
    sasl_method: str
    sasl_username: bytes
    submit_uid: int | None
    traffic_class: int


class Attempt(NamedTuple):
    """One try to deliver one message to one recipient."""

    recipient: bytes
    original_recipient: bytes
    relay_host: bytes
    relay_address: str
    relay_port: int
    delivery_agent: str
    direction: int
    outcome: int
    status: str
    enhanced_status: str
    reply_code: int
    reply_text: bytes
    reply_truncated: bool
    connection_use: int
    delay_us: int
    queue_delay_us: int
    active_delay_us: int
    setup_delay_us: int
    transmission_delay_us: int
    reply_phase: str
    tls_policy: str
    tls_trust: str
    tls_protocol: str
    tls_cipher: str
    recipient_ambiguous: bool


class Changed(NamedTuple):
    """Something happened to the message as a whole."""

    change: int


class Link(NamedTuple):
    """The message led to another one: of the same instance, but for a hop."""

    kind: int
    child_queue_id: str


class SpamScore(NamedTuple):
    """What a spam filter thought of the message; None where it told no number."""

    scanner: str
    score: float | None
    required: float | None
    verdict: str


class Record(NamedTuple):
    """One record that can be stored; ``raw`` gives its wire form, for quarantine."""

    key: RecordKey
    message: MessageRef
    what: Accepted | Attempt | Changed | Link | SpamScore
    raw: Callable[[], bytes]


class Poison(NamedTuple):
    """One record that cannot be stored, and why, in words for an operator."""

    reason: str
    raw: bytes


class Gap(NamedTuple):
    """Lines that a log had and that were not read, or may not have been.

    ``from_us`` <= ``to_us``, the lines before and behind; 0 for not known. ``gap_hash`` is signed.
    """

    gap_hash: int
    from_us: int
    to_us: int
    cause: int
    certain: bool
    lost_lines: int
    source: str


class AgentState(NamedTuple):
    """How an agent says that it is doing."""

    newest_line_us: int
    oldest_line_us: int
    lines_read: int
    lines_unparsed: int
    lines_oversize: int
    backlog_bytes: int
    open_messages: int
    gaps: int


class Sample(NamedTuple):
    """A log line that an agent could not read."""

    daemon: str
    line: bytes


class OpenMessage(NamedTuple):
    """A message of which an agent expects more lines."""

    instance: str
    queue_id: str
    arrival_us: int


class SourceReport(NamedTuple):
    """A log that an agent reads; ``problem`` "" when it can be read."""

    name: str
    newest_line_us: int
    backlog_bytes: int
    problem: str


class AgentReport(NamedTuple):
    """What an agent says of itself beside counters; moments are 0 when there was none.

    ``clock_skew_us``  by how much its clock is ahead of ours.
    """

    clock_skew_us: int
    oldest_line_us: int
    settings_revision: int
    next_collection_us: int
    samples: list[Sample]
    open_messages: list[OpenMessage]
    sources: list[SourceReport]


class CommandResult(NamedTuple):
    """What an agent says of a command; neither ``done`` nor an ``error``: it is under way."""

    id: int
    done: bool
    error: str
    records: int
