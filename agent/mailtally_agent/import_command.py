"""``mailtally-agent import`` on the command line: options in, summary and exit status out."""

import argparse
import json
import logging
import sys
from zoneinfo import ZoneInfo

from mailtally_agent import import_summary, importing
from mailtally_agent.config import Config
from mailtally_agent.direction import direction_rules
from mailtally_agent.identity import IdentityError
from mailtally_agent.progress import Progress, ProgressHandler
from mailtally_agent.syslog import last_moment_us

EXIT_FINDING = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78


def run(config: Config, options: argparse.Namespace) -> int:
    """Import; 0 when all was read and stored, 1 for a finding, 2 usage, 128 + n for signal n."""
    progress = Progress(sys.stderr, quiet=options.quiet)
    logging.basicConfig(
        level=logging.WARNING,
        format="mailtally-agent import: %(message)s",
        handlers=[ProgressHandler(progress)],
    )
    try:
        wanted = _options(config, options)
    except (LookupError, ValueError) as error:
        _complain(str(error))
        return EXIT_USAGE
    try:
        outcome = importing.run(config, wanted, progress)
    except IdentityError as error:
        _complain(str(error))
        return EXIT_CONFIG
    except (OSError, importing.RefusedError) as error:
        _complain(str(error))
        return EXIT_FINDING
    counts = outcome.counts
    print(json.dumps(counts) if options.json else "\n".join(import_summary.text(counts)))
    if counts["problem"]:
        _complain(counts["problem"])
    if outcome.signal is None and counts["complete"]:
        return EXIT_FINDING if counts["damaged"] or counts["problem"] else 0
    _complain(f"{counts['why_incomplete']}; run the same command again to go on")
    return EXIT_FINDING if outcome.signal is None else 128 + outcome.signal


def _options(config: Config, options: argparse.Namespace) -> importing.ImportOptions:
    """The options, with the configuration's where none is given; LookupError or ValueError."""
    zone = config.time_zone if options.time_zone is None else ZoneInfo(options.time_zone)
    hops = options.internal_next_hop
    return importing.ImportOptions(
        logs=options.logs,
        zone=zone,
        latest_us=None if options.year is None else last_moment_us(options.year, zone),
        rules=direction_rules(hops) if hops else config.rules,
        patience_seconds=options.wait,
    )


def _complain(text: str) -> None:
    for line in text.splitlines():
        print(f"mailtally-agent import: {line}", file=sys.stderr)
