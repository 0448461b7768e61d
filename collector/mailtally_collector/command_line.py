"""What the commands of ``mailtally-collector`` share: options, and how they end."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from mailtally_collector.config import Config, ConfigError, load_config

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="TOML file; without it the defaults hold.")
]
DatabaseOption = Annotated[
    str | None, typer.Option("--database", help="SQLite file or URI, instead of storage.database.")
]
ListenOption = Annotated[
    str | None, typer.Option("--listen", help="HOST:PORT, instead of listen.address.")
]
InsecureOption = Annotated[
    bool,
    typer.Option(
        "--insecure", help="Without TLS, as with listen.insecure: on a loopback address only."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]


def load(
    config: Path | None, listen: str | None, database: str | None, *, insecure: bool = False
) -> Config:
    """Read the configuration, or say what is wrong with it and leave."""
    try:
        return load_config(config, listen=listen, database=database, insecure=insecure or None)
    except ConfigError as error:
        fail(error.lines, EXIT_CONFIG)


def fail(lines: list[str], code: int) -> NoReturn:
    """Say what is wrong and leave."""
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201 - what a command prints is its output
    raise typer.Exit(code)
