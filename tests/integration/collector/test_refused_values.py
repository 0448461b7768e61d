"""Every field at its extremes: what a column refuses is set aside, and the rest is stored."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor as Field

from mailtally.v1 import record_pb2 as pb
from tests.integration.collector.reports import accepted, attempt, changed, link, ref, scored
from tests.integration.collector.tables import Tables

# As an index cannot make it any shorter.
LONG = random.Random(1).randbytes(70_000)  # noqa: S311 - repeatable
EXTREMES: dict[int, tuple[Any, ...]] = {
    Field.TYPE_BYTES: (b"", b"\0", b"\xff" * 9, LONG),
    Field.TYPE_STRING: ("", "a\0b", "\u202e\U0010ffff", LONG.hex()),
    Field.TYPE_INT64: (-(2**63), -1, 0, 2**63 - 1),
    Field.TYPE_UINT64: (0, 2**63, 2**64 - 1),
    Field.TYPE_SINT64: (-(2**63), 2**63 - 1),
    Field.TYPE_FIXED64: (0, 2**63, 2**64 - 1),
    Field.TYPE_UINT32: (0, 2**31, 2**32 - 1),
    Field.TYPE_INT32: (-(2**31), 2**31 - 1),
    Field.TYPE_DOUBLE: (float("nan"), float("inf"), -1e308),
    Field.TYPE_FLOAT: (float("nan"), float("inf")),
    Field.TYPE_ENUM: (0, 77),
    Field.TYPE_BOOL: (False, True),
}
MESSAGE = ref("4EXTREME", 0, 1)
SAMPLES = (
    accepted(MESSAGE, 0, 2),
    attempt(MESSAGE, 1, 3, pb.ATTEMPT_OUTCOME_BOUNCED),
    changed(MESSAGE, 2, 4, pb.MESSAGE_CHANGE_COMPLETED),
    link(MESSAGE, 3, 5, pb.LINK_KIND_HOP, "4CHILD"),
    scored(MESSAGE, 4, 6, 3.5),
)


def extremes(sample: pb.Record, at: tuple[str, ...] = ()) -> Iterator[pb.Record]:
    """Give copies of the record with one field each at one of its extremes."""
    message = _inside(sample, at)
    for field in message.DESCRIPTOR.fields:
        if field.type == Field.TYPE_MESSAGE:
            if not field.is_repeated and message.HasField(field.name):
                yield from extremes(sample, (*at, field.name))
            continue
        for value in () if field.is_repeated else EXTREMES[field.type]:
            changed_copy = pb.Record()
            changed_copy.CopyFrom(sample)
            setattr(_inside(changed_copy, at), field.name, value)
            yield changed_copy


def _inside(record: pb.Record, at: tuple[str, ...]) -> Any:
    message: Any = record
    for name in at:
        message = getattr(message, name)
    return message


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda one: str(one.WhichOneof("what")))
def test_a_value_that_is_refused_takes_nothing_along(tables: Tables, sample: pb.Record) -> None:
    records = list(extremes(sample))
    for number, record in enumerate(records):  # each a line and a message of its own
        if record.key == sample.key and record.message == sample.message:
            record.key.line_hash = 1_000 + number
            record.message.queue_id = f"4X{number}"
    good = accepted(ref("4GOOD", 100, 900), 100, 901)
    result = tables.store([*records, good])

    assert result.stored + result.known + result.quarantined == len(records) + 1
    assert result.stored >= 1
    assert tables.column("SELECT count(*) FROM message WHERE queue_id = ?", ["4GOOD"]) == [1]
