"""The chart as geometry: stacked bars of recipients by state, and beneath them the bounce rate.

Gives     ``chart_of``: numbers that a template writes into SVG. No script draws anything, every bar
          is a link to its own time and says its figures, and the same is given as a table.
Units     User units of the SVG; the browser scales it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from mailtally_collector.query.summary import UNFINISHED, Counts
from mailtally_collector.terms import Bucket, DeliveryState
from mailtally_collector.web.words import moment, number, share

WIDTH, HEIGHT = 960, 220
LEFT, TOP = 52, 8
STRIP_HEIGHT = 44
LABELS_MAX = 8
# A label that begins further right would be cut.
LABEL_END = WIDTH - 80
TICKS = 4
GAP_SHARE = 0.2
PATTERNS = {
    Bucket.MINUTE: "%a %d %b %H:%M",
    Bucket.HOUR: "%a %d %b %H:%M",
    Bucket.DAY: "%a %d %b %Y",
    Bucket.WEEK: "week of %d %b %Y",
}
SHORT_PATTERNS = {Bucket.MINUTE: "%H:%M", Bucket.HOUR: "%d %b %H:%M"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One colour of a bar; ``kind`` names it in style.css."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bucket. ``rate`` None when nothing of it came to its end."""

    x: float
    width: float
    pieces: tuple[Piece, ...]
    label: str
    start: datetime
    end: datetime
    counts: Counts
    rate: float | None
    rate_height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A line with its text on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """All of it; ``rate_top`` is the share that the strip's upper edge stands for."""

    bars: tuple[Bar, ...]
    ticks: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    rate_top: float
    baseline: float = TOP + HEIGHT
    width: int = WIDTH
    height: int = TOP + HEIGHT + 22
    strip_height: int = STRIP_HEIGHT
    left: int = LEFT
    top: int = TOP


def chart_of(
    starts_us: Sequence[int],
    end_us: int,
    buckets: Sequence[Counts],
    bucket: Bucket,
    zone: ZoneInfo,
) -> Chart:
    """Lay out the buckets, ``starts_us`` each, the last one to ``end_us``."""
    top = round_up(max((counts.sent for counts in buckets), default=0))
    rates = [counts.bounce_rate for counts in buckets]
    rate_top = _rate_top(max((rate for rate in rates if rate), default=0.0))
    step = (WIDTH - LEFT) / max(1, len(buckets))
    ends_us = [*starts_us[1:], end_us]
    bars = []
    for index, (start_us, until_us, counts, rate) in enumerate(
        zip(starts_us, ends_us, buckets, rates, strict=True)
    ):
        start, end = moment(start_us, zone), moment(until_us, zone)
        if start is None or end is None:
            continue
        bars.append(
            Bar(
                x=round(LEFT + index * step + step * GAP_SHARE / 2, 2),
                width=round(step * (1 - GAP_SHARE), 2),
                pieces=_pieces(counts, top),
                label=start.strftime(PATTERNS[bucket]),
                start=start,
                end=end,
                counts=counts,
                rate=rate,
                rate_height=round(STRIP_HEIGHT * (rate or 0.0) / rate_top, 2),
            )
        )
    ticks = tuple(
        Mark(round(TOP + HEIGHT * (1 - index / TICKS), 2), number(top * index // TICKS))
        for index in range(TICKS + 1)
    )
    return Chart(tuple(bars), ticks, _labels(bars, bucket), rate_top)


def round_up(count: int) -> int:
    """The top of an axis: a round number that TICKS divides, not below the count.

    >>> [round_up(count) for count in (0, 3, 5, 173, 1001)]
    [4, 4, 8, 200, 1200]
    """
    power = 1
    while True:
        for base in (4, 8, 12, 16, 20, 24, 32):
            if base * power >= count:
                return base * power
        power *= 10


def failed(counts: Counts) -> int:
    """Bounced and expired: what the chart calls bounced."""
    return counts.failed


def other(counts: Counts) -> int:
    """Neither delivered nor bounced, as yet or for ever."""
    return counts.sent - delivered(counts) - counts.failed


def delivered(counts: Counts) -> int:
    """Those that the next server took."""
    return counts.by_state.get(int(DeliveryState.DELIVERED), 0)


def in_state(counts: Counts, state: str) -> int:
    """Those in the state of that name."""
    return counts.by_state.get(int(DeliveryState[state.upper()]), 0)


def ended(counts: Counts) -> int:
    """Those to which nothing more happens: what the bounce rate is of."""
    return counts.sent - sum(counts.by_state.get(state, 0) for state in UNFINISHED)


def spoken(bar: Bar) -> str:
    """A bar in one line, for those who hear or point at it."""
    parts = [
        f"{bar.label}: {number(bar.counts.sent)} sent",
        f"{number(delivered(bar.counts))} delivered",
        f"{number(bar.counts.failed)} bounced",
    ]
    if rest := other(bar.counts):
        parts.append(f"{number(rest)} others")
    if bar.rate is not None:
        parts.append(f"bounce rate {share(bar.rate, 1)}")
    return ", ".join(parts)


def _pieces(counts: Counts, top: int) -> tuple[Piece, ...]:
    pieces = []
    base = float(TOP + HEIGHT)
    kinds = (("delivered", delivered), ("other", other), ("bounced", failed))
    for kind, count in kinds:
        height = HEIGHT * count(counts) / top
        if height > 0:
            base -= height
            pieces.append(Piece(kind, round(base, 2), round(max(height, 0.75), 2)))
    return tuple(pieces)


def _rate_top(highest: float) -> float:
    return next((top for top in (0.05, 0.1, 0.25, 0.5) if highest <= top), 1.0)


def _labels(bars: Sequence[Bar], bucket: Bucket) -> tuple[Mark, ...]:
    """Some bars' times: where days begin if there are such, else spread evenly."""
    if not bars:
        return ()
    pattern = SHORT_PATTERNS.get(bucket, "%d %b")
    days = [bar for before, bar in pairwise(bars) if bar.start.date() != before.start.date()]
    spans_days = bars[-1].end - bars[0].start > timedelta(days=2)
    if bucket == Bucket.HOUR and spans_days:
        chosen, pattern = days, "%d %b"
    else:
        chosen = list(bars)
    every = -(-len(chosen) // LABELS_MAX)
    marks = (Mark(bar.x, bar.start.strftime(pattern)) for bar in chosen[::every])
    return tuple(mark for mark in marks if mark.at <= LABEL_END)
