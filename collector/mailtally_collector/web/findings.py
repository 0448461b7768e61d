"""What is wrong, in one sentence each, with what a reader can do: the most urgent first.

Gives     ``findings``: plain functions of what the page shows anyway, so that a sentence never says
          something that its figures do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailtally_collector.query.reasons import TopReasons
from mailtally_collector.web.chart import Bar, Chart
from mailtally_collector.web.frame import Frame

# A bucket stands out when this part of what it came to an end with failed, and so many at least.
SPIKE_RATE = 0.1
SPIKE_LEAST = 10
NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """``kind`` names the sentence in texts/; ``values`` fill it; ``link`` are parameters."""

    kind: str
    values: dict[str, object] = field(default_factory=dict)
    link: dict[str, str] = field(default_factory=dict)
    bar: Bar | None = None
    names: tuple[str, ...] = ()


def findings(chart: Chart, reasons: TopReasons, around: Frame) -> list[Finding]:
    """List them; without servers the page says itself what to do."""
    found = []
    if not around.servers:
        return []
    if off := tuple(server.name for server in around.off):
        kind = "off_all" if len(off) == len(around.chosen) else "off"
        found.append(Finding(kind, {"count": len(off)}, names=_some(off)))
    if (bar := _spike(chart.bars)) is not None:
        found.append(_of_spike(bar, reasons))
    silent = tuple(one.name for one in around.chosen if one.stale and one.collecting.enabled)
    if silent:
        found.append(Finding("stale", {"count": len(silent)}, names=_some(silent)))
    certain = {gap.server for gap in around.coverage.gaps if gap.certain}
    if certain:
        found.append(Finding("gap", {"count": len(certain)}, names=_some(sorted(certain))))
    return found


def _some(names: Sequence[str]) -> tuple[str, ...]:
    """The first names, and a sign that there are more."""
    return (*names[:NAMES_SHOWN], *(("…",) if len(names) > NAMES_SHOWN else ()))


def _spike(bars: Sequence[Bar]) -> Bar | None:
    """The bucket with most failures among those that stand out."""
    spikes = [
        bar
        for bar in bars
        if bar.rate is not None and bar.rate >= SPIKE_RATE and bar.counts.failed >= SPIKE_LEAST
    ]
    return max(spikes, key=lambda bar: bar.counts.failed, default=None)


def _of_spike(bar: Bar, reasons: TopReasons) -> Finding:
    main = next((reason for reason in reasons.reasons if reason.most.judged), None)
    link = {"reason": main.most.judged.reason} if main and main.most.judged else {}
    return Finding("spike" if link else "spike_unexplained", {}, link, bar)
