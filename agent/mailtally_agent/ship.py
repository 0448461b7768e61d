"""The window of records and gaps that the collector has not acknowledged yet.

No I/O: the session takes batches out and puts acknowledgements in. What is here stays until it is
acknowledged; a new stream gets it all again. When the window is full, reading stops.

Limits    Bytes are estimated from the lines: what a record takes in memory, and about what it takes
          on the wire. The session measures the latter and cuts a batch that is too large.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from mailtally_agent.gap import Gap
from mailtally_agent.record import Record

News = Record | Gap

# Of what is in one batch. A usual record has some 500.
BATCH_BYTES = 512 * 1024
# What a record takes beside the text of its line, and a gap.
_RECORD_BYTES = 300


class OutOfOrderError(Exception):
    """The collector acknowledged something else than the oldest batch under way."""


class Batch(NamedTuple):
    """What is under way on the present stream; sequence counts 1, 2, 3, … on each stream."""

    sequence: int
    news: tuple[News, ...]

    @property
    def records(self) -> list[Record]:
        """Its records, in log order."""
        return [item for item in self.news if isinstance(item, Record)]

    @property
    def gaps(self) -> list[Gap]:
        """Its gaps."""
        return [item for item in self.news if isinstance(item, Gap)]


class Window:
    """Unacknowledged records and gaps, in log order.

    At most about 2 * max_batches * BATCH_BYTES of them.
    """

    def __init__(self, max_batch_records: int, max_batches: int) -> None:
        """Both limits at least 1; the collector's Welcome can lower them."""
        self._max_batch_records = max_batch_records
        self._max_batches = max_batches
        self._waiting: deque[News] = deque()
        self._waiting_bytes = 0
        self._under_way: deque[Batch] = deque()
        self._next_sequence = 1
        self.added = 0
        self.acknowledged = 0

    def limit(self, max_batch_records: int, max_batches: int) -> None:
        """Keep within what the collector asks for; 0 means no wish."""
        if max_batch_records:
            self._max_batch_records = min(self._max_batch_records, max_batch_records)
        if max_batches:
            self._max_batches = min(self._max_batches, max_batches)

    @property
    def full(self) -> bool:
        """Whether to stop reading."""
        return (
            len(self._waiting) >= self._max_batch_records * self._max_batches
            or self._waiting_bytes >= BATCH_BYTES * self._max_batches
        )

    @property
    def empty(self) -> bool:
        """Whether everything was acknowledged."""
        return self.added == self.acknowledged

    @property
    def has_partial(self) -> bool:
        """Whether something waits that does not fill a batch."""
        return bool(self._waiting) and not self._fills_batch

    @property
    def _fills_batch(self) -> bool:
        return len(self._waiting) >= self._max_batch_records or self._waiting_bytes >= BATCH_BYTES

    def add(self, news: Sequence[News]) -> None:
        """Append records and gaps in log order."""
        self._waiting.extend(news)
        self._waiting_bytes += sum(map(_bytes_of, news))
        self.added += len(news)

    def next_batch(self, *, flush: bool) -> Batch | None:
        """The next batch to send; a partial one only with flush. None when none may go out."""
        waiting = self._waiting
        if not waiting or len(self._under_way) >= self._max_batches:
            return None
        if not self._fills_batch and not flush:
            return None
        news: list[News] = []
        taken_bytes = 0
        while waiting and len(news) < self._max_batch_records and taken_bytes < BATCH_BYTES:
            item = waiting.popleft()
            news.append(item)
            taken_bytes += _bytes_of(item)
        self._waiting_bytes -= taken_bytes
        batch = Batch(self._next_sequence, tuple(news))
        self._next_sequence += 1
        self._under_way.append(batch)
        return batch

    def cut(self, batch: Batch) -> Batch:
        """Halve the batch that was taken last and is not sent yet; the other half waits again."""
        half = (len(batch.news) + 1) // 2
        rest = batch.news[half:]
        self._waiting.extendleft(reversed(rest))
        self._waiting_bytes += sum(map(_bytes_of, rest))
        self._under_way[-1] = Batch(batch.sequence, batch.news[:half])
        return self._under_way[-1]

    def acknowledge(self, sequence: int) -> None:
        """The oldest batch under way is stored; raises OutOfOrderError for any other."""
        if not self._under_way or self._under_way[0].sequence != sequence:
            raise OutOfOrderError(f"acknowledgement of batch {sequence}")
        self.acknowledged += len(self._under_way.popleft().news)

    def reconnect(self) -> None:
        """A new stream: everything unacknowledged waits again, in order."""
        for batch in reversed(self._under_way):
            self._waiting.extendleft(reversed(batch.news))
            self._waiting_bytes += sum(map(_bytes_of, batch.news))
        self._under_way.clear()
        self._next_sequence = 1

    def clear(self) -> None:
        """Forget everything: the log will be read again."""
        self._waiting.clear()
        self._waiting_bytes = 0
        self._under_way.clear()
        self._next_sequence = 1
        self.added = self.acknowledged = 0


def _bytes_of(item: News) -> int:
    return _RECORD_BYTES + (len(item.line[2]) if isinstance(item, Record) else 0)
