"""``mailtally-collector check``: would this configuration run here? One line for each finding."""

import os
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from peewee import DatabaseError, SqliteDatabase

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.config import Config
from mailtally_collector.identity.authority import AuthorityError, open_authority
from mailtally_collector.store.database import applied_migrations
from mailtally_collector.store.schema_version import DatabaseRefusedError, known_migrations
from mailtally_collector.store.sql import Sql

HEALTH_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for the operator; when it is not ``good``, with what to do."""

    good: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok' if self.good else 'FAIL'}  {self.text}"


def findings(config: Config) -> list[Finding]:
    """Look at the database, the rules and the port. Nothing is changed."""
    return [
        *_database_findings(config),
        *_rule_findings(config),
        *_authority_findings(config),
        _port_finding(config),
    ]


def _authority_findings(config: Config) -> list[Finding]:
    """Whether certificates can be made. Nothing is made here."""
    if not config.has_authority:
        return []
    folder = config.identity.folder
    if not (folder / "ca.key").exists():
        return [Finding(good=True, text=f"authority: {folder}: is made at the first start")]
    try:
        open_authority(folder)
    except AuthorityError as error:
        return [Finding(good=False, text=f"authority: {error}")]
    return [Finding(good=True, text=f"authority: {folder}: usable")]


def _rule_findings(config: Config) -> list[Finding]:
    current = CurrentRules(config.rules.folder)
    if current.mistakes:
        return [Finding(good=False, text=f"rules: {mistake}") for mistake in current.mistakes]
    own = sum(rule.place.startswith(f"{config.rules.folder}/") for rule in current.rules.rules)
    text = f"rules: {len(current.rules.rules)} in force, {own} of them from {config.rules.folder}"
    return [Finding(good=True, text=text)]


def _database_findings(config: Config) -> list[Finding]:
    location = config.storage.database
    try:
        applied = applied_migrations(location)
    except DatabaseRefusedError as error:
        return [Finding(good=False, text=f"database: {error}")]
    if isinstance(location, Path) and not location.exists():
        return [_folder_finding(location)]
    pending = sorted(set(known_migrations()) - set(applied))
    version = Finding(
        good=True,
        text=f"database: {location}: "
        + (f"{len(pending)} migrations are applied at the next start" if pending else "up to date"),
    )
    return [version, _integrity_finding(location)] if isinstance(location, Path) else [version]


def _integrity_finding(path: Path) -> Finding:
    """What SQLite itself says of the file."""
    try:
        with SqliteDatabase(str(path), pragmas={"query_only": 1}) as database:
            (result,) = Sql(database).run("PRAGMA quick_check(1)").fetchone()
    except DatabaseError as error:
        result = str(error)
    if result != "ok":
        text = f"integrity: {result}; stop the collector and restore the file from a backup"
        return Finding(good=False, text=text)
    return Finding(good=True, text="integrity: quick check passed")


def _folder_finding(path: Path) -> Finding:
    """Whether a file that does not exist yet can be made."""
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if os.access(folder, os.W_OK):
        return Finding(good=True, text=f"database: {path}: is made at the first start")
    return Finding(
        good=False,
        text=f"database: {path}: {folder} is not writable; change its owner or storage.database",
    )


def _port_finding(config: Config) -> Finding:
    address = config.listen.address
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with closing(socket.socket(family)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except OSError as error:
        if _collector_answers(config):
            return Finding(good=True, text=f"port: a collector answers on {address}")
        return Finding(
            good=False,
            text=f"port: {address}: {error.strerror}; stop the other program or change"
            " listen.address",
        )
    return Finding(good=True, text=f"port: {address} is free")


def _collector_answers(config: Config) -> bool:
    """Whether a health service answers there that it serves."""
    if config.tls.files:
        certificate, key, client_ca = (file.read_bytes() for file in config.tls.files)
        credentials = grpc.ssl_channel_credentials(client_ca, key, certificate)
        channel = grpc.secure_channel(config.listen.address, credentials)
    elif config.has_authority:
        names = ("ca.pem", "query.key", "query.pem")
        files = [config.identity.folder / name for name in names]
        if not all(os.access(file, os.R_OK) for file in files):
            return False
        credentials = grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))
        _, _, port = config.listen.address.rpartition(":")
        channel = grpc.secure_channel(f"localhost:{port}", credentials)
    else:
        channel = grpc.insecure_channel(config.listen.address)
    with channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=HEALTH_SECONDS)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
