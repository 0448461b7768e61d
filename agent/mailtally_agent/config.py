"""The agent's configuration: one TOML file, read whole, every problem reported with its line.

A key that does not exist, a value of the wrong type and a value out of range are refused: a
misspelt setting that is silently ignored costs more than a refused start.
"""

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from mailtally_agent.direction import DirectionRules, direction_rules
from mailtally_agent.identity import Identity
from mailtally_agent.settings_file import ConfigError, SettingsFile
from mailtally_agent.source.journalctl import JournalOptions
from mailtally_agent.syslog import epoch_us

# As systemd.unit(5) has it.
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]{1,240}\.(?:service|scope|slice)")
DEFAULT_LOG = "/var/log/mail.log"
DEFAULT_COLLECTOR = "127.0.0.1:8790"
DEFAULT_INTERNAL_NEXT_HOPS = ["127.0.0.1/32", "::1/128"]


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of the mutual TLS connection, all PEM."""

    ca_file: Path
    certificate_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class Config:
    """The checked configuration.

    since_us       microseconds since 1970, None for everything
    server_is_set  whether the file says it; of an enrolled agent the certificate does
    collectors     addresses; none where the identity says them
    """

    server: str
    server_is_set: bool
    state_dir: Path
    logs: list[Path]
    journal: JournalOptions | None
    time_zone: tzinfo
    since_us: int | None
    rules: DirectionRules
    collectors: list[str]
    tls: Tls | None
    insecure: bool
    batch_records: int
    batches_in_flight: int
    log_level: str

    def collectors_of(self, identity: Identity | None) -> Sequence[str]:
        """Where to report: as the file says, else as who issued the identity said."""
        return self.collectors or (identity and identity.collectors) or (DEFAULT_COLLECTOR,)


def load_config(path: Path) -> Config:
    """Read and check the file; raises ConfigError with every problem found."""
    settings = SettingsFile.read(path)
    journal = _journal(settings)
    server = settings.text("server", default="")
    config = Config(
        server=server or socket.gethostname(),
        server_is_set=bool(server),
        state_dir=settings.path("state_dir", default="/var/lib/mailtally-agent"),
        logs=_logs(settings, journal),
        journal=journal,
        time_zone=_time_zone(settings),
        since_us=_since(settings),
        rules=_rules(settings),
        collectors=_collectors(settings),
        tls=_tls(settings),
        insecure=settings.flag("collector.insecure", default=False),
        batch_records=settings.integer("ship.batch_records", default=500, low=1, high=5000),
        batches_in_flight=settings.integer("ship.batches_in_flight", default=8, low=1, high=64),
        log_level=settings.choice(
            "log.level", default="info", choices=("debug", "info", "warning", "error")
        ),
    )
    distant = [one for one in config.collectors if not _is_loopback(one)]
    if config.insecure and distant:
        settings.problem(
            "collector.address",
            f"{distant[0]} is another host, and with collector.insecure mail addresses would"
            " cross the network in clear text: leave it out and enrol this agent"
            " (mailtally-agent enroll)",
        )
    if config.insecure and config.tls:
        settings.problem("collector.insecure", "there is [collector.tls]: leave out one of both")
    settings.finish()
    return config


def _logs(settings: SettingsFile, journal: JournalOptions | None) -> list[Path]:
    key = "source.log"
    default = [DEFAULT_LOG] if journal is None else []
    logs = settings.one_or_more_texts("source.log", default=default)
    if not logs and journal is None:
        settings.problem(key, "names no log, and source.journal is false: nothing would be read")
    for log in {log for log in logs if logs.count(log) > 1}:
        settings.problem(key, f"names a log twice: {log}")
    return [Path(log) for log in logs]


def _journal(settings: SettingsFile) -> JournalOptions | None:
    key = "source.journal"
    units = settings.flag_or_texts("source.journal", default=False)
    directory = settings.text("source.journal_directory", default="")
    if isinstance(units, bool):
        return JournalOptions((), directory or None) if units else None
    if not units:
        settings.problem(key, "names no unit; true reads whatever is logged as mail")
    for unit in units:
        if not _UNIT.fullmatch(unit):
            settings.problem(key, f"expected names of units like postfix@-.service, got {unit!r}")
    return JournalOptions(tuple(units), directory or None)


def _collectors(settings: SettingsFile) -> list[str]:
    key = "collector.address"
    collectors = settings.one_or_more_texts("collector.address", default=[])
    if not all(collectors):
        settings.problem(key, "names no collector")
    for address in {one for one in collectors if collectors.count(one) > 1}:
        settings.problem(key, f"names a collector twice: {address}")
    return collectors


def _time_zone(settings: SettingsFile) -> tzinfo:
    name = settings.text("source.time_zone", default="")
    try:
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except FileNotFoundError:
        return ZoneInfo("UTC")
    except (LookupError, ValueError, OSError):
        settings.problem(
            "source.time_zone", f"no such time zone: {name!r} (example: Europe/Berlin)"
        )
        return ZoneInfo("UTC")


def _since(settings: SettingsFile) -> int | None:
    text = settings.text("source.since", default="beginning")
    if text == "beginning":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        settings.problem(
            "source.since", f'expected "beginning" or a date like 2026-03-01: {text!r}'
        )
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_time_zone(settings))
    return epoch_us(moment)


def _rules(settings: SettingsFile) -> DirectionRules:
    key = "direction.internal_next_hops"
    next_hops = settings.texts(key, default=DEFAULT_INTERNAL_NEXT_HOPS)
    try:
        return direction_rules(next_hops)
    except ValueError as error:
        settings.problem(key, f"expected an address, a network or a name: {error}")
        return direction_rules(())


def _tls(settings: SettingsFile) -> Tls | None:
    names = ("ca_file", "certificate_file", "key_file")
    given = [settings.text(f"collector.tls.{name}", default="") for name in names]
    if not any(given):
        return None
    for name, value in zip(names, given, strict=True):
        if not value:
            settings.problem(f"collector.tls.{name}", "missing: all three files are needed")
    return Tls(*(Path(value) for value in given))


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if host in {"localhost", ""} or address.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


__all__ = ["Config", "ConfigError", "Tls", "load_config"]
