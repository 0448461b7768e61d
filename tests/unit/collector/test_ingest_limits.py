"""Parts of a report are counted before it is parsed."""

from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from mailtally.v1 import ingest_pb2 as pb
from mailtally.v1 import record_pb2
from mailtally_collector.ingest_limits import (
    GAPS_MAX,
    MESSAGE_MAX_BYTES,
    RECORDS_MAX,
    Oversized,
    parse_report,
)


def report(records: int, gaps: int = 0) -> bytes:
    batch = pb.Batch(records=[record_pb2.Record()] * records, gaps=[pb.Gap()] * gaps)
    return pb.ReportRequest(batch=batch).SerializeToString()


def why(message: bytes) -> str:
    parsed = parse_report(message)
    assert isinstance(parsed, Oversized)
    return parsed.why


def test_as_many_as_may_be_and_no_more() -> None:
    most = parse_report(report(RECORDS_MAX, GAPS_MAX))
    assert isinstance(most, pb.ReportRequest)
    assert (len(most.batch.records), len(most.batch.gaps)) == (RECORDS_MAX, GAPS_MAX)
    assert f"more than {RECORDS_MAX} records" in why(report(RECORDS_MAX + 1))
    assert f"more than {GAPS_MAX} gaps" in why(report(0, GAPS_MAX + 1))
    status = pb.AgentStatus(sources=[pb.SourceStatus()] * 101)
    assert "a status with more" in why(pb.ReportRequest(status=status).SerializeToString())
    assert "too many parts" in why(b"\x12\x00" * 2_000)


def test_parts_are_counted_over_all_pieces_of_a_split_message() -> None:
    """Protobuf merges fields that are given twice."""
    assert "records" in why(report(RECORDS_MAX) + report(1))


def repeated_parts(message: Descriptor) -> Iterator[str]:
    for field in message.fields:
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if field.is_repeated:
                yield field.full_name
            yield from repeated_parts(field.message_type)  # type: ignore[arg-type]


def test_what_is_counted_has_no_repeated_parts_itself() -> None:
    messages = pb.DESCRIPTOR.message_types_by_name
    names = ("Gap", "UnparsedSample", "OpenMessage", "SourceStatus", "Hello", "CommandResult")
    for inner in (record_pb2.Record.DESCRIPTOR, *(messages[name] for name in names)):
        assert list(repeated_parts(inner)) == []
    known = {"batch", "status", "hello", "command_result"}
    assert {field.name for field in pb.ReportRequest.DESCRIPTOR.fields} == known


@given(st.binary(max_size=200))
def test_any_bytes_are_a_report_or_refused(message: bytes) -> None:
    parsed = parse_report(message)
    assert isinstance(parsed, Oversized | pb.ReportRequest)
    if isinstance(parsed, pb.ReportRequest):
        assert parsed == pb.ReportRequest.FromString(message)


@pytest.mark.parametrize("message", [b"\x12\xff", b"\x12" + b"\xff" * 11, b"\x13", b"\x12\x05"])
def test_what_is_no_message_is_refused(message: bytes) -> None:
    assert why(message).startswith("not a report")


def test_an_advised_batch_of_long_records_fits() -> None:
    assert MESSAGE_MAX_BYTES >= 1_000 * 1_000
