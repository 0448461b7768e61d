"""A line of small bars, sent and failed, beside a name: a shape, whose figures stand in the row."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailtally_collector.query.summary import Counts

WIDTH, HEIGHT = 120, 24


@dataclass(frozen=True, slots=True)
class Spark:
    """Two paths of an SVG of WIDTH by HEIGHT."""

    sent: str
    failed: str
    width: int = WIDTH
    height: int = HEIGHT


def spark_of(buckets: Sequence[Counts]) -> Spark:
    """Draw them.

    >>> spark_of([]).sent
    ''
    """
    top = max((counts.sent for counts in buckets), default=0)
    step = WIDTH / max(1, len(buckets))
    sent = [HEIGHT * counts.sent / top if top else 0 for counts in buckets]
    failed = [HEIGHT * counts.failed / top if top else 0 for counts in buckets]
    return Spark(_bars(sent, step), _bars(failed, step))


def _bars(heights: Sequence[float], step: float) -> str:
    width = round(step * 0.8, 1)
    return "".join(
        f"M{index * step:.1f} {HEIGHT}v-{max(1, height):.1f}h{width}V{HEIGHT}z"
        for index, height in enumerate(heights)
        if height
    )
