"""The console scripts. They say what to install when the extra is missing, without a traceback."""

import sys
from collections.abc import Callable
from importlib import import_module

# Distributions of the extra "collector", by the name that is imported.
EXTRA = frozenset(
    {
        "ahocorasick",
        "grpc_health",
        "grpc_reflection",
        "peewee",
        "playhouse",
        "pydantic",
        "rich",
        "typer",
    }
)
EXIT_USAGE = 2


def collector() -> None:
    """Run ``mailtally-collector``."""
    _main_of("mailtally_collector.cli")()


def query() -> None:
    """Run ``mailtally``."""
    _main_of("mailtally_collector.query_cli")()


def _main_of(module: str) -> Callable[[], None]:
    try:
        main: Callable[[], None] = import_module(module).main
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        print(  # noqa: T201 - the only place for it
            "mailtally-collector needs the extra: pip install 'mailtally[collector]'",
            file=sys.stderr,
        )
        sys.exit(EXIT_USAGE)
    return main
