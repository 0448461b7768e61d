"""Configuration: a TOML file, every key optional, every mistake reported at once.

Keys      [listen]  address "127.0.0.1:8790"; enrolment: where agents come to their certificates,
                    "" for nowhere, default the same host and port 8791; tokens: where people ask by
                    token without a certificate, default "" for nowhere; reflection false;
                    insecure false (true: no TLS, on a loopback address only)
          [identity] folder of the collector's own authority; hosts: names and addresses by which
                    agents reach it; certificate_days 90
          [tls]     certificate_file, key_file, client_ca_file of another authority, instead of the
                    collector's own: all three or none
          [web]     address of the dashboard, "" for none, default 127.0.0.1:8792; url by which
                    people reach it; certificate_file and key_file, or none on a loopback address
                    and behind a proxy; trusted_proxies: addresses and networks of such proxies
          [storage] database: a SQLite file, whose directory is made when missing, or
                    postgresql://USER:PASSWORD@HOST/DATABASE
          [retention] rows_days 90, rollups_days 800, quarantine_days 90, audit_days 400: how long
                    what is kept; "off" keeps it for ever. Roll-ups as long as rows, at least
          [watch]   silent_minutes 15, lag_minutes 60: when a server counts as stale
          [rules]   folder "/etc/mailtally/rules.d": rules of your own (docs/rules.md)
          [log]     level "debug", "info", "warning" or "error"
Raises    ConfigError with one line for each mistake: ``FILE:LINE: key.path: message``.
"""

import difflib
import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from mailtally_collector.classify.current_rules import OPERATOR_FOLDER
from mailtally_collector.store.location import PostgresDatabase, location_of
from mailtally_collector.toml_lines import (
    TomlError,
    key_lines,
    line_of,
    parse_toml,
    read_toml_text,
)

SYSTEM_DATABASE = Path("/var/lib/mailtally/collector.db")
ENROLMENT_PORT = 8791
WEB_ADDRESS = "127.0.0.1:8792"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _days(value: object) -> object:
    """Take "off" for None, and say what is expected instead of anything else."""
    if value == "off":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and DAYS_MIN <= value <= DAYS_MAX:
        return value
    raise PydanticCustomError(
        "days",
        'expected {least} to {most} days or "off", got {got}',
        {"least": DAYS_MIN, "most": DAYS_MAX, "got": repr(value)},
    )


# Postfix keeps mail for five days; what is younger may still be reported.
DAYS_MIN, DAYS_MAX = 7, 36_500
Days = Annotated[int | None, PlainValidator(_days)]
Minutes = Annotated[int, Field(ge=1, le=525_600)]


class ConfigError(Exception):
    """The configuration cannot be used; ``lines`` has one message for each mistake."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Section(BaseModel):
    """What all sections have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise PydanticCustomError(
            "address",
            "expected HOST:PORT such as 127.0.0.1:8790, got {got}",
            {"got": repr(address)},
        )
    return address


class Listen(Section):
    """Where the services are offered."""

    address: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8790"
    enrolment: Annotated[str, AfterValidator(lambda value: value and _address(value))] | None = None
    tokens: Annotated[str, AfterValidator(lambda value: value and _address(value))] = ""
    reflection: bool = False
    insecure: bool = False

    @property
    def enrolment_address(self) -> str:
        """Where agents come to their certificates; "" for nowhere."""
        if self.enrolment is not None:
            return self.enrolment
        host, _, port = self.address.rpartition(":")
        return f"{host}:{ENROLMENT_PORT if int(port) else 0}"


class Identity(Section):
    """The collector's own authority."""

    folder: Path = Field(
        default_factory=lambda: default_database(os.environ).parent / "ca", strict=False
    )
    hosts: list[str] = []
    certificate_days: Annotated[int, Field(ge=1, le=825)] = 90

    @property
    def lifetime(self) -> timedelta:
        """How long a certificate of an agent is good."""
        return timedelta(days=self.certificate_days)

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: list[str]) -> list[str]:
        for host in hosts:
            if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}|[0-9a-fA-F:]{2,39}", host):
                raise PydanticCustomError(
                    "host", "expected names and addresses without port, got {got}", {"got": host}
                )
        return hosts


class Tls(Section):
    """Certificates in PEM files; all three or none."""

    certificate_file: Path | None = Field(default=None, strict=False)
    key_file: Path | None = Field(default=None, strict=False)
    client_ca_file: Path | None = Field(default=None, strict=False)

    @property
    def files(self) -> tuple[Path, Path, Path] | None:
        """Certificate, key and client CA; None for plaintext."""
        if self.certificate_file and self.key_file and self.client_ca_file:
            return self.certificate_file, self.key_file, self.client_ca_file
        return None


class Web(Section):
    """The dashboard."""

    address: Annotated[str, AfterValidator(lambda value: value and _address(value))] | None = None
    url: Annotated[str, Field(pattern=r"^(https?://[A-Za-z0-9.:\[\]-]{1,260}/?)?$")] = ""
    certificate_file: Path | None = Field(default=None, strict=False)
    key_file: Path | None = Field(default=None, strict=False)
    trusted_proxies: list[str] = []

    @property
    def certificate(self) -> tuple[Path, Path] | None:
        """Certificate and key; None for plain HTTP."""
        if self.certificate_file and self.key_file:
            return self.certificate_file, self.key_file
        return None

    @property
    def proxies(self) -> list[Network]:
        """Whose word is taken for who asks."""
        return [ipaddress.ip_network(text) for text in self.trusted_proxies]

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, texts: list[str]) -> list[str]:
        for text in texts:
            try:
                ipaddress.ip_network(text)
            except ValueError:
                raise PydanticCustomError(
                    "network",
                    "expected addresses and networks such as 192.0.2.0/24, got {got}",
                    {"got": repr(text)},
                ) from None
        return texts


class Storage(Section):
    """Where data is kept."""

    database: Path | PostgresDatabase = Field(default_factory=lambda: default_database(os.environ))

    @field_validator("database", mode="before")
    @classmethod
    def _is_located(cls, database: object) -> object:
        if not isinstance(database, str):
            return database
        try:
            return location_of(database)
        except ValueError as error:
            raise PydanticCustomError("database", "{why}", {"why": str(error)}) from None


class Retention(Section):
    """How many days what is kept; None for ever."""

    rows_days: Days = 90
    rollups_days: Days = 800
    quarantine_days: Days = 90
    audit_days: Days = 400


class Watch(Section):
    """When a server counts as stale."""

    silent_minutes: Minutes = 15
    lag_minutes: Minutes = 60


class Rules(Section):
    """What is added to the rules that are shipped."""

    folder: Path = Field(default=OPERATOR_FOLDER, strict=False)


class Log(Section):
    """What is logged to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """The whole configuration."""

    listen: Listen = Listen()
    identity: Identity = Field(default_factory=Identity)
    tls: Tls = Tls()
    web: Web = Web()
    storage: Storage = Field(default_factory=Storage)
    retention: Retention = Retention()
    watch: Watch = Watch()
    rules: Rules = Rules()
    log: Log = Log()

    @property
    def has_authority(self) -> bool:
        """Whether agents get their certificates from the collector itself."""
        return not self.tls.files and not self.listen.insecure

    @property
    def web_address(self) -> str:
        """Where the dashboard is; "" for nowhere. Beside a port that is chosen freely, one too."""
        if self.web.address is not None:
            return self.web.address
        return WEB_ADDRESS if int(self.listen.address.rpartition(":")[2]) else "127.0.0.1:0"

    def web_url(self, port: int | str = "") -> str:
        """Address of the dashboard for people, without a slash at its end."""
        if self.web.url:
            return self.web.url.rstrip("/")
        host, _, configured = self.web_address.rpartition(":")
        if host in ("0.0.0.0", "[::]"):  # noqa: S104 - compared
            host = socket.getfqdn()
        return f"{'https' if self.web.certificate else 'http'}://{host}:{port or configured}"

    @property
    def hosts(self) -> list[str]:
        """Names and addresses by which agents reach the collector."""
        if self.identity.hosts:
            return self.identity.hosts
        host = self.listen.address.rpartition(":")[0].strip("[]")
        if _is_loopback(self.listen.address):
            return ["localhost"]
        return [socket.getfqdn()] if host in ("0.0.0.0", "::") else [host]  # noqa: S104 - compared


def default_database(environment: Mapping[str, str]) -> Path:
    """Return the system's database when this process may use it, else one in the user's home."""
    folder = SYSTEM_DATABASE.parent
    if os.geteuid() == 0 or os.access(folder, os.W_OK):
        return SYSTEM_DATABASE
    state = environment.get("XDG_STATE_HOME")
    home = Path(state) if state else Path.home() / ".local" / "state"
    return home / "mailtally" / "collector.db"


def load_config(
    path: Path | None,
    *,
    listen: str | None = None,
    database: str | None = None,
    insecure: bool | None = None,
) -> Config:
    """Read the file, if any, with what the command line overrides. Raises ConfigError."""
    text, raw = _read(path)
    places = _Places(str(path) if path else "", key_lines(text))
    overrides: tuple[tuple[str, str, str, object], ...] = (
        ("listen", "address", "--listen", listen),
        ("listen", "insecure", "--insecure", insecure),
        ("storage", "database", "--database", database),
    )
    for section, key, option, value in overrides:
        if value is not None and isinstance(raw.setdefault(section, {}), dict):
            raw[section][key] = value
            places.options[f"{section}.{key}"] = option
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(sorted(places.line(*_finding(one)) for one in error.errors())) from None
    findings = [
        *_tls_findings(config),
        *_exposure_findings(config),
        *_web_findings(config),
        *_retention_findings(config.retention),
    ]
    if findings:
        raise ConfigError([places.line(key, message) for key, message in findings])
    return config


class _Places:
    """Knows where a key was given: in which line of the file, or by which option."""

    def __init__(self, file: str, lines: dict[str, int]) -> None:
        self.options: dict[str, str] = {}
        self._file = file
        self._lines = lines

    def line(self, key: str, message: str) -> str:
        if key in self.options:
            return f"{self.options[key]}: {key}: {message}"
        if not self._file:
            return f"default: {key}: {message}"
        return f"{self._file}:{line_of(key, self._lines)}: {key}: {message}"


def _read(path: Path | None) -> tuple[str, dict[str, Any]]:
    try:
        text = read_toml_text(path) if path else ""
        return text, parse_toml(text)
    except TomlError as error:
        raise ConfigError([f"{path}:{error.line}: file: {error.reason}"]) from None


def _finding(error: ErrorDetails) -> tuple[str, str]:
    """Key and message of one of pydantic's findings."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] != "extra_forbidden":
        return key, error["msg"]
    near = difflib.get_close_matches(key, _known_keys(), n=1)
    return key, "unknown key" + (f"; did you mean {near[0]}?" if near else "")


def _known_keys() -> list[str]:
    keys = []
    for section, field in Config.model_fields.items():
        keys.append(section)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            keys += [f"{section}.{key}" for key in field.annotation.model_fields]
    return keys


def _tls_findings(config: Config) -> list[tuple[str, str]]:
    given = {name: value for name, value in config.tls if value is not None}
    if not given:
        return []
    missing = [name for name, value in config.tls if value is None]
    if missing:
        return [("tls", f"{' and '.join(missing)} missing: give all three files or none")]
    return [
        (f"tls.{name}", f"{path} cannot be read")
        for name, path in given.items()
        if not os.access(path, os.R_OK)
    ]


def _exposure_findings(config: Config) -> list[tuple[str, str]]:
    if not config.listen.insecure:
        return []
    if config.tls.files:
        return [("listen.insecure", "there are [tls] files: leave out one or the other")]
    given = {"address": config.listen.address, "tokens": config.listen.tokens}
    return [
        (
            f"listen.{key}",
            (
                f"{address} can be reached by others, and with listen.insecure"
                " nothing would be encrypted: leave out listen.insecure, and invite agents"
                " (mailtally-collector agents invite NAME)"
            ),
        )
        for key, address in given.items()
        if address and not _is_loopback(address)
    ]


def _web_findings(config: Config) -> list[tuple[str, str]]:
    web = config.web
    files = {"certificate_file": web.certificate_file, "key_file": web.key_file}
    given = {name: path for name, path in files.items() if path}
    if len(given) == 1:
        return [(f"web.{next(iter(given))}", "give certificate_file and key_file, or neither")]
    unreadable = [
        (f"web.{name}", f"{path} cannot be read")
        for name, path in given.items()
        if not os.access(path, os.R_OK)
    ]
    address = config.web_address
    if unreadable or given or not address or web.trusted_proxies or _is_loopback(address):
        return unreadable
    return [
        (
            "web.address",
            (
                f"{address} can be reached by others, and passwords would not be encrypted: give"
                " certificate_file and key_file, or the proxy before it in trusted_proxies"
            ),
        )
    ]


def _retention_findings(keep: Retention) -> list[tuple[str, str]]:
    """Late outcomes change roll-ups, so that these must be there as long as rows are."""
    if keep.rollups_days is None:
        return []
    if keep.rows_days is not None and keep.rows_days <= keep.rollups_days:
        return []
    rows = "for ever" if keep.rows_days is None else f"for {keep.rows_days} days"
    return [
        ("retention.rollups_days", f"rows are kept {rows}: roll-ups must be kept as long at least")
    ]


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
