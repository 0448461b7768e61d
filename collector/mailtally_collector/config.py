"""Configuration: a TOML file, every key optional, every mistake reported at once.

Keys      [listen]  address "127.0.0.1:8790"; reflection false; insecure false (a plaintext
                    service on an address that others can reach is refused unless true)
          [tls]     certificate_file, key_file, client_ca_file: all three or none; with them every
                    client needs a certificate, and an agent's server name must be its name
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
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
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


class Listen(Section):
    """Where the services are offered."""

    address: str = "127.0.0.1:8790"
    reflection: bool = False
    insecure: bool = False

    @field_validator("address")
    @classmethod
    def _has_host_and_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
            raise PydanticCustomError(
                "address",
                "expected HOST:PORT such as 127.0.0.1:8790, got {got}",
                {"got": repr(address)},
            )
        return address


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
    tls: Tls = Tls()
    storage: Storage = Field(default_factory=Storage)
    retention: Retention = Retention()
    watch: Watch = Watch()
    rules: Rules = Rules()
    log: Log = Log()


def default_database(environment: Mapping[str, str]) -> Path:
    """Return the system's database when this process may use it, else one in the user's home."""
    folder = SYSTEM_DATABASE.parent
    if os.geteuid() == 0 or os.access(folder, os.W_OK):
        return SYSTEM_DATABASE
    state = environment.get("XDG_STATE_HOME")
    home = Path(state) if state else Path.home() / ".local" / "state"
    return home / "mailtally" / "collector.db"


def load_config(
    path: Path | None, *, listen: str | None = None, database: str | None = None
) -> Config:
    """Read the file, if any, with what the command line overrides. Raises ConfigError."""
    text, raw = _read(path)
    places = _Places(str(path) if path else "", key_lines(text))
    overrides = (
        ("listen", "address", "--listen", listen),
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
    if config.tls.files or config.listen.insecure or _is_loopback(config.listen.address):
        return []
    return [
        (
            "listen.address",
            (
                f"{config.listen.address} can be reached by others and nothing is encrypted:"
                " give [tls] files, or set listen.insecure = true"
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
