"""Gaps of logs in words and for programs, beside the figures that they touch.

Gives     ``gap_line``, the one line beneath an answer; ``coverage_record`` for JSON.
Limits    Names of servers and logs come from agents; whoever writes them escapes them.
"""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from mailtally.v1 import query_pb2
from mailtally_collector.query_cli.terms import term
from mailtally_collector.query_cli.time_range import iso, moment_of
from mailtally_collector.terms import GapCause

CAUSES: dict[int, str] = {
    GapCause.ROTATED_AWAY: "log rotated away",
    GapCause.TRUNCATED: "log cut while it was written",
    GapCause.SYSLOG_DROPPED: "dropped by the syslog daemon",
    GapCause.UNREADABLE: "log cannot be read",
    GapCause.JOURNAL_GONE: "no longer in the journal",
    GapCause.FORGOTTEN: "forgotten by the database, no longer in the log",
}
HOURS = ("hours_complete", "hours_gap_known", "hours_gap_suspected", "hours_not_read")


def gap_line(gaps: Sequence[query_pb2.LogGap], total: int, zone: ZoneInfo) -> str:
    """``mx3: lines are missing between … and … (log rotated away)``; empty without a gap."""
    if not gaps:
        return ""
    gap = gaps[0]
    verb = "are missing" if gap.certain else "may be missing"
    line = f"{gap.server}: {_lines(gap)} {verb}{_when(gap, zone)} ({cause(gap)})"
    more = max(total, len(gaps)) - 1
    return line + (f"; {more} more: mailtally gaps" if more else "")


def coverage_line(covered: query_pb2.Coverage, zone: ZoneInfo) -> str:
    """The same of an answer's coverage."""
    return gap_line(covered.gaps, covered.gaps_total, zone)


def cause(gap: query_pb2.LogGap) -> str:
    """Why, in words."""
    return CAUSES.get(int(gap.cause), "cause not known")


def gap_record(gap: query_pb2.LogGap, zone: ZoneInfo) -> dict[str, str | int | bool | None]:
    """One gap for programs; None for what is not known."""
    return {
        "server": gap.server,
        "start": iso(moment_of(gap, "start", zone)),
        "end": iso(moment_of(gap, "end", zone)),
        "cause": term(GapCause, gap.cause),
        "certain": gap.certain,
        "lost_lines": gap.lost_lines or None,
        "source": gap.source,
        "reported": iso(moment_of(gap, "reported", zone)),
    }


def hours_record(covered: query_pb2.Coverage) -> dict[str, int]:
    """How many hours are which."""
    return {name: getattr(covered, name) for name in HOURS}


def coverage_record(covered: query_pb2.Coverage, zone: ZoneInfo) -> dict[str, object]:
    """Coverage for programs."""
    return {
        **hours_record(covered),
        "gaps": [gap_record(gap, zone) for gap in covered.gaps],
        "gaps_total": covered.gaps_total,
        "newest_line": iso(moment_of(covered, "newest_line", zone)),
    }


def _lines(gap: query_pb2.LogGap) -> str:
    return f"{gap.lost_lines} lines" if gap.lost_lines else "lines"


def _when(gap: query_pb2.LogGap, zone: ZoneInfo) -> str:
    start, end = moment_of(gap, "start", zone), moment_of(gap, "end", zone)
    if start is None or end is None:
        return f" after {_clock(start)}" if start else f" before {_clock(end)}" if end else ""
    if start == end:
        return f" at {_clock(start)}"
    last = f"{end:%H:%M:%S}" if start.date() == end.date() else _clock(end)
    return f" between {_clock(start)} and {last}"


def _clock(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"
