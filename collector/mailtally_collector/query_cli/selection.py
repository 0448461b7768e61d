"""Options that select mail: the range and the filters. Every command that counts or lists has them.

Gives     A frozen dataclass of Typer options, as options.py.
"""

from dataclasses import dataclass
from typing import Annotated

import typer

from mailtally_collector.query_cli.choices import (
    BasisOption,
    ClassOption,
    DirectionOption,
    StateOption,
)

_PANEL = "Selection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which recipients count; what is None or empty does not restrict."""

    last: Annotated[
        str | None,
        typer.Option(
            "--range",
            metavar="LENGTH",
            help="Length of the range, back from --to or now: 90m, 24h, 7d, 2w. Default: 24h.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Start of the range, inclusive: ISO 8601, such as 2026-11-03 or "
            "2026-11-03T14:00+01:00.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    end: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TIME",
            help="End of the range, exclusive; a date means its first moment. Default: now.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    basis: Annotated[
        BasisOption,
        typer.Option(
            "--basis",
            help="Whether the range means when mail was accepted or when it was last tried.",
            rich_help_panel=_PANEL,
        ),
    ] = BasisOption.ACCEPTED
    server: Annotated[
        list[str] | None,
        typer.Option(
            "--server",
            metavar="NAME",
            help="Only this mail server. May be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    domain: Annotated[
        str | None,
        typer.Option(
            "--domain",
            metavar="DOMAIN",
            help="Only mail from this domain (envelope sender).",
            rich_help_panel=_PANEL,
        ),
    ] = None
    mailbox: Annotated[
        str | None,
        typer.Option(
            "--mailbox",
            metavar="ADDRESS",
            help="Only mail from this address (whole envelope sender).",
            rich_help_panel=_PANEL,
        ),
    ] = None
    recipient_domain: Annotated[
        str | None,
        typer.Option(
            "--recipient-domain",
            metavar="DOMAIN",
            help="Only mail to this domain.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    reason: Annotated[
        list[str] | None,
        typer.Option(
            "--reason",
            metavar="REASON",
            help="Only failures for this reason, such as recipient.user_unknown, or category, such "
            "as recipient; unknown for what no rule knows. May be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            metavar="ID",
            help="Only mail that this provider receives, such as google; unknown for who is in no "
            "list. May be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    mail_filter: Annotated[
        list[str] | None,
        typer.Option(
            "--mail-filter",
            metavar="ID",
            help="Only mail that passed or was refused by this filter in front of a provider, such "
            "as proofpoint. May be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    recipient: Annotated[
        str | None,
        typer.Option(
            "--recipient",
            metavar="ADDRESS",
            help="Only mail to this address, before or after aliasing.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    queue_id: Annotated[
        str | None,
        typer.Option(
            "--queue-id",
            metavar="ID",
            help="Only messages with this queue id.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    message_id: Annotated[
        str | None,
        typer.Option(
            "--message-id",
            metavar="ID",
            help="Only messages with this Message-ID.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    text: Annotated[
        str | None,
        typer.Option(
            "--text",
            metavar="TEXT",
            help="Only replies that hold this text; ASCII letters fit in either case.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    code: Annotated[
        list[int] | None,
        typer.Option(
            "--code",
            metavar="CODE",
            min=0,
            max=999,
            help="Only replies with this SMTP code, such as 550; 0: no server answered. May be "
            "repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    enhanced_status: Annotated[
        list[str] | None,
        typer.Option(
            "--enhanced-status",
            metavar="CODE",
            help="Only replies with this enhanced status code, such as 5.1.1. May be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    unknown: Annotated[
        bool,
        typer.Option("--unknown", help="Only replies that no rule knows.", rich_help_panel=_PANEL),
    ] = False
    state: Annotated[
        list[StateOption] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help="Only recipients in this state: pending, delivered, bounced, expired, discarded, "
            "held or removed. May be repeated.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    direction: Annotated[
        list[DirectionOption] | None,
        typer.Option(
            "--direction",
            metavar="WHERE",
            help="Only deliveries that lead there: outbound, local or internal-hop. May be "
            "repeated. Default: outbound.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    traffic_class: Annotated[
        list[ClassOption] | None,
        typer.Option(
            "--class",
            metavar="KIND",
            help="Only messages of this kind: mail, notification, probe, forward or canary. May be "
            "repeated. Default: mail.",
            rich_help_panel=_PANEL,
        ),
    ] = None
