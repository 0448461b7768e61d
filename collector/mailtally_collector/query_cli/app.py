"""``mailtally``: asks the collector over gRPC. Typer commands and nothing else.

Exit codes    0 answered, also when there is nothing to show; 1 the collector failed; 2 wrong usage
              or a question that the collector does not accept; 3 no answer; 4 refused; 130 Ctrl-C.
Limits        The modules that answer are imported inside the commands, because gRPC takes longer
              to load than --help may take.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailtally_collector import __version__
from mailtally_collector.query_cli.choices import (
    BucketOption,
    CountOption,
    DimensionOption,
    FileFormat,
    SortOption,
)
from mailtally_collector.query_cli.command import command
from mailtally_collector.query_cli.control_commands import add_to
from mailtally_collector.query_cli.options import Connection, Output, Zone
from mailtally_collector.query_cli.selection import Selection

# ruff: noqa: PLC0415 -- see Limits above

app = typer.Typer(
    name="mailtally",
    help="Outbound mail delivery statistics of a fleet of mail servers.",
    epilog="Exit codes: 0 answered, 1 collector failed, 2 usage, 3 no answer, 4 refused.\n\n"
    "The unit is the recipient: one message to three people counts three.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


exports = typer.Typer(help="Write everything of a selection into a file.", no_args_is_help=True)
app.add_typer(exports, name="export")


def _print_version(value: bool) -> None:  # noqa: FBT001 -- Typer calls it with the option's value
    if value:
        sys.stdout.write(f"mailtally {__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options of mailtally itself."""


@app.command(
    epilog="Examples:\n\n"
    "mailtally stats --range 7d --bucket day\n\n"
    "mailtally stats --domain example.com --from 2026-11-01 --to 2026-12-01 --csv",
)
@command
def stats(
    *,
    connection: Connection,
    selection: Selection,
    zone: Zone,
    output: Output,
    bucket: Annotated[
        BucketOption, typer.Option("--bucket", help="How the range is cut into a series.")
    ] = BucketOption.AUTO,
) -> None:
    """Count recipients sent, delivered and bounced, in total and over time."""
    from mailtally_collector.query_cli import stats as show_stats
    from mailtally_collector.query_cli.filter import question
    from mailtally_collector.query_cli.time_range import chosen_zone

    asked = question(selection, chosen_zone(zone.time_zone), datetime.now(UTC))
    show_stats.show(connection, asked, output, bucket)


@app.command(
    epilog="Examples:\n\n"
    "mailtally reasons --range 30d --limit 20\n\n"
    "mailtally reasons --recipient-domain gmail.com --json",
)
@command
def reasons(
    *,
    connection: Connection,
    selection: Selection,
    zone: Zone,
    output: Output,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many reasons.")
    ] = 10,
) -> None:
    """Show the most frequent reasons of bounces, with their SMTP codes."""
    from mailtally_collector.query_cli import reasons as show_reasons
    from mailtally_collector.query_cli.filter import question
    from mailtally_collector.query_cli.time_range import chosen_zone

    asked = question(selection, chosen_zone(zone.time_zone), datetime.now(UTC))
    show_reasons.show(connection, asked, output, limit)


@app.command(
    epilog="Examples:\n\n"
    "mailtally by provider --range 7d\n\n"
    "mailtally by mailbox --domain example.com --sort failed --csv",
)
@command
def by(
    *,
    dimension: Annotated[
        DimensionOption,
        typer.Argument(
            metavar="WHAT", help="server, domain or mailbox of the sender, or receiving provider."
        ),
    ],
    connection: Connection,
    selection: Selection,
    zone: Zone,
    output: Output,
    sort: Annotated[
        CountOption, typer.Option("--sort", help="Which count is the greatest first.")
    ] = CountOption.SENT,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many rows.")
    ] = 20,
) -> None:
    """Count recipients for each server, domain, mailbox or receiving provider."""
    from mailtally_collector.query_cli import breakdown as show_breakdown
    from mailtally_collector.query_cli.filter import question
    from mailtally_collector.query_cli.time_range import chosen_zone

    asked = question(selection, chosen_zone(zone.time_zone), datetime.now(UTC))
    show_breakdown.show(connection, asked, output, dimension, sort=sort, limit=limit)


@app.command(
    epilog="Examples:\n\n"
    "mailtally events --mailbox alice@example.com\n\n"
    "mailtally events --state bounced --range 7d --sort size --limit 20\n\n"
    "mailtally events --follow --domain example.com",
)
@command
def events(
    *,
    connection: Connection,
    selection: Selection,
    zone: Zone,
    output: Output,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="How many events at most.")
    ] = 50,
    everything: Annotated[
        bool, typer.Option("--all", help="All events; --limit does not count then.")
    ] = False,
    page_token: Annotated[
        str,
        typer.Option(
            "--page-token",
            metavar="TOKEN",
            help="Go on where a listing ended; it named the token. The token also carries the "
            "range, the other filters and the order have to be repeated.",
        ),
    ] = "",
    sort: Annotated[
        SortOption, typer.Option("--sort", help="What the list is sorted by, greatest first.")
    ] = SortOption.LAST_TRY,
    ascending: Annotated[
        bool, typer.Option("--ascending", help="The smallest, or the oldest, first.")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", "-f", help="Write new events as they are stored, until Ctrl-C; no list."
        ),
    ] = False,
) -> None:
    """List mail that was refused, given up or still waits after a failed try, newest first."""
    from mailtally_collector.query_cli import events as show_events
    from mailtally_collector.query_cli import follow as show_new
    from mailtally_collector.query_cli.filter import question
    from mailtally_collector.query_cli.time_range import chosen_zone

    asked = question(selection, chosen_zone(zone.time_zone), datetime.now(UTC))
    if follow:
        if selection.last or selection.start or selection.end or page_token or everything:
            raise typer.BadParameter("--follow shows new events only: it has no range and no pages")
        show_new.show(connection, asked, output)
        return
    pages = show_events.Pages(None if everything else limit, page_token, sort, ascending)
    show_events.show(connection, asked, output, pages)


@exports.command(
    "events",
    epilog="Examples:\n\n"
    "mailtally export events --range 30d -o failures.csv\n\n"
    "mailtally export events --format ndjson --domain example.com | gzip > failures.gz",
)
@command
def export_events(
    *,
    connection: Connection,
    selection: Selection,
    zone: Zone,
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="CSV (RFC 4180), or a JSON object a line.")
    ] = FileFormat.CSV,
    target: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            dir_okay=False,
            help="Where to write; FILE.part until it is complete. Default: standard output.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no remarks, only errors.")
    ] = False,
) -> None:
    """Write every error event of a selection, each once, the oldest messages first."""
    from mailtally_collector.query_cli import export_events as export
    from mailtally_collector.query_cli.filter import question
    from mailtally_collector.query_cli.time_range import chosen_zone

    asked = question(selection, chosen_zone(zone.time_zone), datetime.now(UTC))
    export.run(connection, asked, export.Target(target, file_format, quiet))


@app.command(
    epilog="Examples:\n\n"
    "mailtally trace 3F2A1B0C9D\n\n"
    "mailtally trace --recipient bob@example.net --server mx1",
)
@command
def trace(
    *,
    connection: Connection,
    zone: Zone,
    output: Output,
    queue_id: Annotated[
        str, typer.Argument(metavar="QUEUE_ID", help="Queue id of the message.")
    ] = "",
    message_id: Annotated[
        str, typer.Option("--message-id", metavar="ID", help="Message-ID of the message.")
    ] = "",
    recipient: Annotated[
        str, typer.Option("--recipient", metavar="ADDRESS", help="One of its recipients.")
    ] = "",
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="NAME", help="Only this mail server. May be repeated."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=200, help="How many messages at most.")
    ] = 20,
    canaries: Annotated[
        bool, typer.Option("--canaries", help="Also what mailtally-agent canary wrote.")
    ] = False,
) -> None:
    """Tell the life of a message: arrival, recipients, attempts, what each server said."""
    from mailtally_collector.query_cli import trace as show_trace
    from mailtally_collector.query_cli.time_range import chosen_zone

    wanted = show_trace.Wanted(queue_id, message_id, recipient, server or (), limit, canaries)
    show_trace.show(connection, chosen_zone(zone.time_zone), output, wanted)


@app.command(epilog="Example:\n\nmailtally servers --json")
@command
def servers(*, connection: Connection, zone: Zone, output: Output) -> None:
    """List the mail servers that have reported, and how far their logs are read."""
    from mailtally_collector.query_cli import servers as show_servers
    from mailtally_collector.query_cli.time_range import chosen_zone

    show_servers.show(connection, chosen_zone(zone.time_zone), output)


@app.command(
    epilog="Examples:\n\nmailtally gaps --server mx3\n\nmailtally gaps --range 30d --csv",
)
@command
def gaps(
    *,
    connection: Connection,
    zone: Zone,
    output: Output,
    server: Annotated[
        list[str] | None,
        typer.Option("--server", metavar="NAME", help="Only this mail server. May be repeated."),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LENGTH",
            help="Length of the time, back from --to or now: 90m, 24h, 7d, 2w. Default: all of it.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Only gaps that touch the time from here on."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Only gaps that begin before.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many gaps at most.")
    ] = 100,
) -> None:
    """List lines of logs that are missing, or may be, and how many hours are complete."""
    from mailtally_collector.query_cli import gaps as show_gaps
    from mailtally_collector.query_cli.time_range import chosen_zone

    wanted = show_gaps.Wanted(server or (), last, start, end, limit)
    show_gaps.show(connection, chosen_zone(zone.time_zone), output, wanted)


@app.command(epilog="Example:\n\nmailtally server mx1")
@command
def server(
    *,
    connection: Connection,
    zone: Zone,
    output: Output,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
) -> None:
    """Tell all that is known of one mail server and its agent."""
    from mailtally_collector.query_cli import server as show_server
    from mailtally_collector.query_cli.time_range import chosen_zone

    show_server.show(connection, chosen_zone(zone.time_zone), output, name)


@app.command(epilog="Example:\n\nmailtally jobs --json")
@command
def jobs(*, connection: Connection, zone: Zone, output: Output) -> None:
    """Show what the collector does by the clock; exit 1 when a job failed at its last run."""
    from mailtally_collector.query_cli import jobs as show_jobs
    from mailtally_collector.query_cli.time_range import chosen_zone

    show_jobs.show(connection, chosen_zone(zone.time_zone), output)


@app.command(
    epilog="Examples:\n\n"
    "mailtally unknown --range 30d\n\n"
    "mailtally unknown --range 30d --draft 17 >> /etc/mailtally/rules.d/own.toml",
)
@command
def unknown(
    *,
    connection: Connection,
    selection: Selection,
    zone: Zone,
    output: Output,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="How many replies.")
    ] = 50,
    draft: Annotated[
        int | None,
        typer.Option("--draft", metavar="ID", help="Write the beginning of a rule for this reply."),
    ] = None,
) -> None:
    """List replies that no rule knows, the most frequent first."""
    from mailtally_collector.query_cli import unknown as show_unknown
    from mailtally_collector.query_cli.filter import question
    from mailtally_collector.query_cli.time_range import chosen_zone

    asked = question(selection, chosen_zone(zone.time_zone), datetime.now(UTC))
    if draft is None:
        show_unknown.show(connection, asked, output, limit)
    else:
        show_unknown.draft(connection, asked, draft)


@app.command(epilog="Example:\n\nmailtally rules --json")
@command
def rules(*, connection: Connection, output: Output) -> None:
    """Show which rules give replies their meaning; exit 1 when a rule file cannot be used."""
    from mailtally_collector.query_cli import rules as show_rules

    show_rules.show(connection, output)


@app.command(
    epilog="Examples:\n\n"
    'mailtally explain "550-5.7.26 This mail is unauthenticated" --domain gmail.com\n\n'
    "mailtally explain - < reply.txt --json",
)
@command
def explain(
    *,
    output: Output,
    reply: Annotated[
        str, typer.Argument(metavar="REPLY", help="The reply, as logged or bare; - reads stdin.")
    ],
    relay: Annotated[
        str, typer.Option("--relay", metavar="HOST", help="Host name of the server that said it.")
    ] = "",
    domain: Annotated[
        str, typer.Option("--domain", metavar="DOMAIN", help="Domain of the recipient.")
    ] = "",
    folder: Annotated[
        Path, typer.Option("--rules", metavar="FOLDER", help="Folder of the operator's rules.")
    ] = Path("/etc/mailtally/rules.d"),
) -> None:
    """Say what a reply of a mail server means and what to do; asks no collector."""
    from mailtally_collector.query_cli import explain as show_explanation

    text = sys.stdin.buffer.read(1 << 20).decode("utf-8", "replace") if reply == "-" else reply
    show_explanation.show(text, relay, domain, folder, output)


add_to(app)


def main() -> None:
    """Run ``mailtally``; never returns."""
    try:
        app(prog_name="mailtally")
    except KeyboardInterrupt:
        sys.exit(130)
