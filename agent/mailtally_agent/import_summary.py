"""What came of an import: the figures of this run, as JSON or as text for people."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from mailtally_agent.harvest import Harvest
from mailtally_agent.session import Answered
from mailtally_agent.source.old_files import OldLog
from mailtally_agent.source.unpack import DamagedError

Figures = dict[str, Any]


def figures(
    logs: Sequence[OldLog],
    harvest: Harvest,
    answered: Answered,
    damaged: Mapping[str, DamagedError],
    why_incomplete: str,
) -> Figures:
    """The figures, in the order in which they are shown (docs/operation.md)."""
    totals = harvest.totals()
    return {
        "complete": not why_incomplete,
        "why_incomplete": why_incomplete or None,
        "resumed": harvest.resumed,
        "logs": [log.path for log in logs],
        "damaged": [
            {"log": path, "byte": error.byte, "why": error.why} for path, error in damaged.items()
        ],
        "lines": totals.lines + totals.oversize,
        "unparsed": totals.unparsed.total() + totals.oversize,
        "unparsed_by_daemon": dict(totals.unparsed.most_common()),
        "unparsed_samples": totals.samples,
        "oversize": totals.oversize,
        "unfinished": totals.torn,
        "syslog_losses": totals.losses,
        "records": answered.stored + answered.known + answered.quarantined,
        **asdict(answered),
        "open_messages": totals.open_messages,
        "oldest_line": _iso(logs[0].first_us),
        "newest_line": _iso(totals.newest_us),
        "problem": harvest.readings[0].reader.problem() or None,
    }


def text(counts: Figures) -> list[str]:
    """The same in lines."""
    logs = len(counts["logs"])
    span = f" from {counts['oldest_line']} to {counts['newest_line']}"
    unusable = f"{counts['unparsed']:,} unparsed, {counts['unfinished']:,} without end"
    answered = ", ".join(
        f"{counts[name]:,} {words}"
        for name, words in (
            ("stored", "stored"),
            ("known", "known already"),
            ("quarantined", "set aside"),
        )
    )
    lines = [
        f"{logs} log{'s' * (logs != 1)}{span if counts['newest_line'] else ''}",
        f"{counts['lines']:,} lines read: {unusable}",
        f"{counts['records']:,} records sent: {answered}",
        f"{counts['open_messages']:,} messages open at the end",
    ]
    if counts["resumed"]:
        lines.append("these are the figures of this run, which went on where an earlier one ended")
    lines += [
        f"unparsed {daemon}={count}" for daemon, count in counts["unparsed_by_daemon"].items()
    ]
    lines += [f"unparsed sample: {sample!a}" for sample in counts["unparsed_samples"]]
    return lines


def _iso(time_us: int | None) -> str | None:
    """RFC 3339 in UTC, or None."""
    if time_us is None:
        return None
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).isoformat()
