"""What of a report is refused before its content is looked at.

Why       A message of many empty parts is small on the wire and large in memory: parsed, an empty
          record takes some 50 times its two bytes. So the parts are counted in the bytes first.
Limits    Records hold no repeated parts themselves (a test sees to it), so that counting the two
          outer levels bounds everything.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from mailtally.v1 import ingest_pb2

RECORDS_MAX = 5_000
GAPS_MAX = 1_000
# Parts of an AgentStatus: each of its repeated fields.
STATUS_PARTS_MAX = 100
MESSAGE_MAX_BYTES = 1024 * 1024
_FIELDS = ingest_pb2.ReportRequest.DESCRIPTOR.fields_by_name
_BATCH_FIELDS = ingest_pb2.Batch.DESCRIPTOR.fields_by_name
_BATCH, _STATUS = _FIELDS["batch"].number, _FIELDS["status"].number
_LENGTH_DELIMITED = 2


@dataclass(frozen=True, slots=True)
class Oversized:
    """A message that is refused unread; why."""

    why: str


def parse_report(message: bytes) -> ingest_pb2.ReportRequest | Oversized:
    """Parse a message, unless it has more parts than a report may have."""
    try:
        why = _excess(message)
        return Oversized(why) if why else ingest_pb2.ReportRequest.FromString(message)
    except (DecodeError, IndexError) as error:
        return Oversized(f"not a report: {error}")


def report_handler(service: Any) -> grpc.GenericRpcHandler:
    """What ``add_IngestServiceServicer_to_server`` would add, with ``parse_report``."""
    descriptor = ingest_pb2.DESCRIPTOR.services_by_name["IngestService"]
    report = grpc.stream_stream_rpc_method_handler(
        service.Report,
        request_deserializer=parse_report,
        response_serializer=ingest_pb2.ReportResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(descriptor.full_name, {"Report": report})


def _excess(message: bytes) -> str:
    """What there is too much of; "" for nothing."""
    counts: Counter[tuple[int, int]] = Counter()
    parts = 0
    for outer, start, end in _fields(message, 0, len(message)):
        parts += 1
        if parts > GAPS_MAX:
            return "a message of too many parts"
        if outer not in (_BATCH, _STATUS):
            continue
        for inner, _, _ in _fields(message, start, end):
            counts[outer, inner] += 1
            if counts[outer, inner] > _most(outer, inner):
                return _told(outer, inner)
    return ""


def _most(outer: int, inner: int) -> int:
    if outer == _STATUS:
        return STATUS_PARTS_MAX
    return RECORDS_MAX if inner == _BATCH_FIELDS["records"].number else GAPS_MAX


def _told(outer: int, inner: int) -> str:
    if outer == _STATUS:
        return f"a status with more than {STATUS_PARTS_MAX} parts of a kind"
    if inner == _BATCH_FIELDS["records"].number:
        return f"a batch of more than {RECORDS_MAX} records; at most {RECORDS_MAX} are taken"
    return f"a batch with more than {GAPS_MAX} gaps"


def _fields(message: bytes, at: int, end: int) -> Any:
    """Yield (number, start, end) of each length-delimited field; others are skipped.

    Raises DecodeError and IndexError when it is no message.
    """
    while at < end:
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            length, at = _varint(message, at)
            if at + length > end:
                raise DecodeError("a part is longer than the message")
            yield tag >> 3, at, at + length
            at += length
        elif kind == 0:
            _, at = _varint(message, at)
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise DecodeError("a group")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    byte = message[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = message[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
        if shift > 63:
            raise DecodeError("a number without end")
