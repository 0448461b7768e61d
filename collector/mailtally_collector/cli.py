"""The command ``mailtally-collector``: reads arguments, reports errors in one line each.

Exit      0 done; 1 the database or the port cannot be used, or a check failed; 2 wrong arguments;
          78 the configuration is wrong (EX_CONFIG).
"""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from peewee import PeeweeException

from mailtally_collector import __version__, daemon
from mailtally_collector.agents_command import agents_app
from mailtally_collector.backup import BackupError
from mailtally_collector.backup import backup as write_backup
from mailtally_collector.check import findings
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.classify_stream import classify_lines
from mailtally_collector.command_line import (
    EXIT_FAILED,
    EXIT_USAGE,
    ConfigOption,
    DatabaseOption,
    InsecureOption,
    ListenOption,
    fail,
    load,
)
from mailtally_collector.config import Config, ConfigError, load_config
from mailtally_collector.distribute_tables import Distributed, distribute_tables
from mailtally_collector.identity.authority import AuthorityError
from mailtally_collector.jobs import RollupsDifferError
from mailtally_collector.people_command import people_app
from mailtally_collector.reclassify_file import reclassify_file
from mailtally_collector.recount_file import recount_file
from mailtally_collector.run_job import UnknownJobError, run_job
from mailtally_collector.serving import PortError
from mailtally_collector.store.database import migrate as migrate_database
from mailtally_collector.store.schema_version import DatabaseRefusedError
from mailtally_collector.timetable import JobBusyError

app = typer.Typer(
    name="mailtally-collector",
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(agents_app, name="agents")
app.add_typer(people_app, name="people")


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Store what mailtally agents report, and answer questions about it."""
    if version:
        print(f"mailtally-collector {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(EXIT_USAGE)


@app.command()
def run(
    *,
    config: ConfigOption = None,
    listen: ListenOption = None,
    database: DatabaseOption = None,
    insecure: InsecureOption = False,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the number of the port here when it listens.")
    ] = None,
    web_port_file: Annotated[
        Path | None, typer.Option(help="The same for the port of the dashboard.")
    ] = None,
) -> None:
    """Run the collector until SIGTERM or SIGINT."""
    settings = load(config, listen, database, insecure=insecure)
    _log_to_stderr(settings)
    try:
        asyncio.run(daemon.run(settings, port_file, web_port_file))
    except (AuthorityError, DatabaseRefusedError, PortError, OSError) as error:
        fail([str(error)], EXIT_FAILED)


@app.command()
def migrate(
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    distribute: Annotated[
        bool,
        typer.Option("--distribute", help="Also spread its tables over servers with Citus."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Bring the database to this version; ``run`` does it too."""
    location = load(config, None, database).storage.database
    try:
        if distribute:
            done = distribute_tables(location, quiet=quiet)
            applied = done.applied
        else:
            applied = migrate_database(location)
    except DatabaseRefusedError as error:
        fail([str(error)], EXIT_FAILED)
    for name in applied:
        print(f"applied {name}")
    print(f"{location} is up to date")
    if distribute:
        print(_distributed(done))


@app.command()
def check(
    *,
    config: ConfigOption = None,
    listen: ListenOption = None,
    database: DatabaseOption = None,
    insecure: InsecureOption = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Count roll-ups and failures again from the rows.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --deep: put right what differs.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Look whether the collector would run here; exit 0 or 1."""
    if repair and not deep:
        raise typer.BadParameter("--repair needs --deep")
    try:
        settings = load_config(config, listen=listen, database=database, insecure=insecure or None)
    except ConfigError as error:
        fail(error.lines, EXIT_FAILED)
    print(f"ok  config: {config or 'defaults'}")
    found = findings(settings)
    for finding in found:
        print(finding)
    is_good = all(finding.good for finding in found)
    if deep and is_good:
        is_good = _check_deep(settings, repair=repair, quiet=quiet)
    if not is_good:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def reclassify(
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Bring the verdicts of stored replies to the rules in force; can be interrupted."""
    settings = load(config, None, database)
    rules = _current_rules(settings)
    try:
        done = reclassify_file(settings.storage.database, rules, quiet=quiet)
    except (DatabaseRefusedError, PeeweeException) as error:
        fail([f"{settings.storage.database}: {error}"], EXIT_FAILED)
    print(f"{done} replies judged again by rule set {rules.rules.digest}")


@app.command(name="run-job")
def run_job_now(
    name: Annotated[str, typer.Argument(help="Its name, as `mailtally jobs` shows it.")],
    config: ConfigOption = None,
    database: DatabaseOption = None,
) -> None:
    """Run one periodic job now, whether it is due or not; beside a running collector too."""
    settings = load(config, None, database)
    _log_to_stderr(settings)
    try:
        print(run_job(settings, name))
    except UnknownJobError as error:
        fail([str(error)], EXIT_USAGE)
    except (JobBusyError, RollupsDifferError) as error:
        fail([str(error)], EXIT_FAILED)
    except (DatabaseRefusedError, PeeweeException) as error:
        fail([f"{settings.storage.database}: {error}"], EXIT_FAILED)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    *,
    config: ConfigOption = None,
    database: DatabaseOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Copy the database to a file, checked, while the collector runs."""
    settings = load(config, None, database)
    try:
        size = write_backup(settings.storage.database, target, quiet=quiet)
    except (BackupError, DatabaseRefusedError) as error:
        fail([str(error)], EXIT_FAILED)
    print(f"{target}: {size} bytes, checked")


@app.command()
def classify(
    *,
    config: ConfigOption = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="One JSON object a line, in and out (the only form).")
    ] = True,
) -> None:
    """Say what replies mean: JSON lines with text, smtp_code, enhanced, relay, rcpt_domain."""
    del jsonl
    current = _current_rules(load(config, None, None))
    try:
        for line in classify_lines(sys.stdin.buffer, current.rules):
            print(line)
    except BrokenPipeError:
        sys.stderr.close()


def main() -> None:
    """Run the command line."""
    app()


def _check_deep(config: Config, *, repair: bool, quiet: bool) -> bool:
    """Print what differs; whether the roll-ups are right now."""
    location = config.storage.database
    if isinstance(location, Path) and not location.exists():
        return True
    try:
        wrong = recount_file(location, repair=repair, quiet=quiet)
    except (DatabaseRefusedError, PeeweeException) as error:
        fail([f"{location}: {error}"], EXIT_FAILED)
    if not wrong:
        print("ok  roll-ups: equal to the rows")
    for table, count in sorted(wrong.items()):
        found = f"{table}: {count} rows differed from what they are counted from"
        print(f"ok  {found} and were put right" if repair else f"FAIL  {found}; use --repair")
    return repair or not wrong


def _distributed(done: Distributed) -> str:
    where = f"{len(done.nodes)} nodes: {', '.join(done.nodes)}"
    if not done.tables:
        return f"already distributed over {where}"
    return f"{len(done.tables)} tables distributed over {where}"


def _current_rules(config: Config) -> CurrentRules:
    current = CurrentRules(config.rules.folder)
    for mistake in current.mistakes:
        print(f"rule file not used: {mistake}", file=sys.stderr)
    return current


def _log_to_stderr(config: Config) -> None:
    """Log without a time stamp: the journal and container run-times add their own."""
    logging.basicConfig(
        level=config.log.level.upper(),
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("peewee").setLevel(logging.WARNING)
