"""Our words have the numbers of the contract."""

from enum import IntEnum
from typing import Any

import pytest

from mailtally.v1 import query_pb2, record_pb2
from mailtally_collector import terms


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (terms.TrafficClass, record_pb2.TrafficClass, "TRAFFIC_CLASS_"),
        (terms.Direction, record_pb2.Direction, "DIRECTION_"),
        (terms.AttemptOutcome, record_pb2.AttemptOutcome, "ATTEMPT_OUTCOME_"),
        (terms.MessageChange, record_pb2.MessageChange, "MESSAGE_CHANGE_"),
        (terms.LinkKind, record_pb2.LinkKind, "LINK_KIND_"),
        (terms.DeliveryState, query_pb2.DeliveryState, "DELIVERY_STATE_"),
        (terms.TimeBasis, query_pb2.TimeBasis, "TIME_BASIS_"),
        (terms.Bucket, query_pb2.Bucket, "BUCKET_"),
        (terms.EventOrder, query_pb2.EventOrder, "EVENT_ORDER_"),
        (terms.Dimension, query_pb2.Dimension, "DIMENSION_"),
        (terms.CountOrder, query_pb2.CountOrder, "COUNT_ORDER_"),
    ],
)
def test_numbers_are_equal(ours: type[IntEnum], theirs: Any, prefix: str) -> None:
    assert {prefix + one.name: one.value for one in ours} == dict(theirs.items())
