"""The agent's configuration: one TOML file, read whole, every problem reported with its line.

A key that does not exist, a value of the wrong type and a value out of range are refused: a
misspelt setting that is silently ignored costs more than a refused start.
"""

import ipaddress
import socket
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from mailtally_agent.direction import DirectionRules, direction_rules
from mailtally_agent.identity import Identity
from mailtally_agent.settings_file import ConfigError, SettingsFile
from mailtally_agent.syslog import epoch_us

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
    collector      "" where the identity says it
    """

    server: str
    server_is_set: bool
    state_dir: Path
    log: Path
    time_zone: tzinfo
    since_us: int | None
    rules: DirectionRules
    collector: str
    tls: Tls | None
    insecure: bool
    batch_records: int
    batches_in_flight: int
    log_level: str

    def collector_of(self, identity: Identity | None) -> str:
        """Where to report: as the file says, else as who issued the identity said."""
        if self.collector:
            return self.collector
        return identity.collectors[0] if identity and identity.collectors else DEFAULT_COLLECTOR


def load_config(path: Path) -> Config:
    """Read and check the file; raises ConfigError with every problem found."""
    settings = SettingsFile.read(path)
    server = settings.text("server", default="")
    config = Config(
        server=server or socket.gethostname(),
        server_is_set=bool(server),
        state_dir=settings.path("state_dir", default="/var/lib/mailtally-agent"),
        log=settings.path("source.log", default="/var/log/mail.log"),
        time_zone=_time_zone(settings),
        since_us=_since(settings),
        rules=_rules(settings),
        collector=settings.text("collector.address", default=""),
        tls=_tls(settings),
        insecure=settings.flag("collector.insecure", default=False),
        batch_records=settings.integer("ship.batch_records", default=500, low=1, high=5000),
        batches_in_flight=settings.integer("ship.batches_in_flight", default=8, low=1, high=64),
        log_level=settings.choice(
            "log.level", default="info", choices=("debug", "info", "warning", "error")
        ),
    )
    if config.insecure and not _is_loopback(config.collector or DEFAULT_COLLECTOR):
        settings.problem(
            "collector.address",
            f"{config.collector} is another host, and with collector.insecure mail addresses would"
            " cross the network in clear text: leave it out and enrol this agent"
            " (mailtally-agent enroll)",
        )
    if config.insecure and config.tls:
        settings.problem("collector.insecure", "there is [collector.tls]: leave out one of both")
    settings.finish()
    return config


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
