"""Options that the commands of ``mailtally`` share, in groups.

Gives     Frozen dataclasses whose fields are Typer options; command.py puts them on commands.
Limits    Nothing here imports grpc, protobuf or rich: --help has to be quick.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailtally_collector.query_cli.choices import ColorOption, Form

DEFAULT_COLLECTOR = "127.0.0.1:8790"
_CONNECTION = "Connection"
_OUTPUT = "Output"


def _file(flag: str, variable: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        flag,
        envvar=variable,
        exists=True,
        dir_okay=False,
        readable=True,
        help=text,
        rich_help_panel=_CONNECTION,
    )
    return option


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where the collector is and how it is reached; ``timeout`` in seconds for each question."""

    collector: Annotated[
        str,
        typer.Option(
            "--collector",
            envvar="MAILTALLY_COLLECTOR",
            metavar="ADDRESS",
            help="Query address of the collector: HOST:PORT or unix:/PATH.",
            rich_help_panel=_CONNECTION,
        ),
    ] = DEFAULT_COLLECTOR
    ca_file: Annotated[
        Path | None,
        _file(
            "--ca-file",
            "MAILTALLY_CA_FILE",
            "PEM file of the authorities that sign the collector's certificate. Turns on TLS.",
        ),
    ] = None
    certificate_file: Annotated[
        Path | None,
        _file(
            "--certificate-file",
            "MAILTALLY_CERTIFICATE_FILE",
            "PEM file of your own certificate. Turns on TLS; needs --key-file.",
        ),
    ] = None
    key_file: Annotated[
        Path | None,
        _file("--key-file", "MAILTALLY_KEY_FILE", "PEM file of the key of --certificate-file."),
    ] = None
    token_file: Annotated[
        Path | None,
        _file(
            "--token-file",
            "MAILTALLY_TOKEN_FILE",
            "File with a person's token, to see what they may see; or it in MAILTALLY_TOKEN.",
        ),
    ] = None
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.001,
            max=86400,
            help="How long to wait for each answer.",
            rich_help_panel=_CONNECTION,
        ),
    ] = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """In which zone times are shown, and read where they name none."""

    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone",
            metavar="NAME",
            help="IANA name, such as Europe/Berlin. Default: the system's (TZ, /etc/localtime).",
            rich_help_panel=_OUTPUT,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How the answer is written."""

    json: Annotated[
        bool,
        typer.Option("--json", help="Write JSON, for programs.", rich_help_panel=_OUTPUT),
    ] = False
    csv: Annotated[
        bool,
        typer.Option("--csv", help="Write CSV (RFC 4180).", rich_help_panel=_OUTPUT),
    ] = False
    color: Annotated[
        ColorOption,
        typer.Option(
            "--color",
            help="When to colour; auto: on a terminal, unless NO_COLOR is set.",
            rich_help_panel=_OUTPUT,
        ),
    ] = ColorOption.AUTO
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="No remarks on stderr, only errors.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False

    def form(self) -> Form:
        """Which of the three forms was asked for. Raises typer.BadParameter for two at once."""
        if self.json and self.csv:
            raise typer.BadParameter("--json and --csv exclude each other")
        return Form.JSON if self.json else Form.CSV if self.csv else Form.TEXT
