"""Score the shipped rules against a file of labelled replies.

Usage     python -m tests.score FILE [--floor RIGHT UNKNOWN CATEGORY] [--misses]
File      JSON objects, one a line: text, mapped (the label), and what is known of smtp_code,
          enhanced, relay, rcpt_domain; rows with ``dup_of`` or a ``kind`` other than reply are left
          out.
Exit      1 when a figure is below its floor (percent; UNKNOWN is a ceiling).
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from mailtally_collector.classify.classify import Verdict, classify
from mailtally_collector.classify.reply import read_reply
from mailtally_collector.classify.rule_set import shipped_rules


def main() -> int:
    """Print the figures, and exit with 1 when one misses its floor."""
    parser = argparse.ArgumentParser(prog="python -m tests.score", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--floor", nargs=3, type=float, metavar=("RIGHT", "UNKNOWN", "CATEGORY"))
    parser.add_argument("--misses", action="store_true", help="list each reply that is not right")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.file.read_text().splitlines()]
    rows = [row for row in rows if row.get("kind", "reply") == "reply" and not row.get("dup_of")]
    judged = [(row, _verdict(row)) for row in rows]
    if options.misses:
        _print_misses(judged)
    return _print_figures(judged, options.floor)


def _verdict(row: dict[str, Any]) -> Verdict:
    reply = read_reply(
        row["text"],
        reply_code=row.get("smtp_code") or "",
        enhanced_status=row.get("enhanced") or "",
        relay_host=row.get("relay") or "",
        recipient_domain=row.get("rcpt_domain") or "",
    )
    return classify(reply, shipped_rules())


def _print_misses(judged: list[tuple[dict[str, Any], Verdict]]) -> None:
    for row, verdict in judged:
        if verdict.reason != row["mapped"]:
            sys.stdout.write(
                f"{row['mapped']} <> {verdict.reason} ({verdict.rule_id}) | {row.get('smtp_code')}"
                f" {row.get('enhanced')} | {row.get('relay')} | {row['text']}\n"
            )
    confused = Counter((row["mapped"], v.reason) for row, v in judged if v.reason != row["mapped"])
    for (label, given), count in confused.most_common(25):
        sys.stdout.write(f"{count:4} {label} taken for {given}\n")


def _print_figures(
    judged: list[tuple[dict[str, Any], Verdict]], floor: tuple[float, float, float] | None
) -> int:
    known = [(row, verdict) for row, verdict in judged if not verdict.unknown]
    right = sum(verdict.reason == row["mapped"] for row, verdict in known)
    category = sum(verdict.category == row["mapped"].partition(".")[0] for row, verdict in known)
    labelled = max(len(known), 1)
    figures = (
        100 * right / labelled,
        100 * (len(judged) - len(known)) / max(len(judged), 1),
        100 * category / labelled,
    )
    sys.stdout.write(
        f"{len(shipped_rules().rules)} rules, {len(judged)} replies, {len(known)} labelled:"
        f" right {figures[0]:.1f} %, unknown {figures[1]:.1f} %, category {figures[2]:.1f} %\n"
    )
    if floor is None:
        return 0
    held = figures[0] >= floor[0] and figures[1] <= floor[1] and figures[2] >= floor[2]
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
