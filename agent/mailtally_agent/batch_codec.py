"""Batches as messages of mailtally.v1, none of them larger than a collector takes."""

from mailtally.v1 import ingest_pb2 as pb
from mailtally_agent.ship import Batch, Window
from mailtally_agent.wire import encode, encode_gap

# Collectors take more, but not much.
MESSAGE_BYTES_MAX = 900 * 1024


def encode_batch(window: Window, batch: Batch) -> pb.Batch:
    """Encode the batch that the window gave last; its end goes back there if it is too large."""
    encoded = _encode(batch)
    while len(batch.news) > 1 and encoded.ByteSize() > MESSAGE_BYTES_MAX:
        batch = window.cut(batch)
        encoded = _encode(batch)
    return encoded


def _encode(batch: Batch) -> pb.Batch:
    return pb.Batch(
        sequence=batch.sequence,
        records=[encode(record) for record in batch.records],
        gaps=[encode_gap(gap) for gap in batch.gaps],
    )
