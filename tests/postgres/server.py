"""A PostgreSQL server of the tests' own: a cluster in a folder, reached by a Unix socket.

Needs     The server's programs (Debian: postgresql). They refuse to run as root; then the user
          postgres of Debian's package runs them.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

USER = "postgres"
# Ports name sockets in the folder only; nothing listens on the network.
PORT = 5432
STARTED_SECONDS = 60
FAST = ("-c", "shared_buffers=64MB", "-c", "max_connections=60", "-c", "max_wal_size=512MB")


class PostgresServer:
    """One cluster; ``start`` it, ask for databases, ``stop`` it. Its folder is new unless given."""

    def __init__(self, *options: str, folder: Path | None = None) -> None:
        if folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        else:
            self.folder = folder.absolute()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.options = (*FAST, *options)
        self._numbers = count(1)
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, USER)

    def create(self) -> None:
        """Make the cluster."""
        command = (*("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8"), "-N")
        self.run(*command, "--locale=C.UTF-8", "--data-checksums")

    def create_standby(self, leader: "PostgresServer") -> None:
        """Make the cluster a copy of one that runs, which follows it once it is started."""
        where = ("-h", leader.folder, "-p", str(PORT), "-U", USER)
        self.run("pg_basebackup", *where, "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-N")

    def promote(self) -> None:
        """Let a standby lead."""
        self.run("pg_ctl", "-D", self.data, "-w", "promote")

    def start(self) -> None:
        """Start the server; returns when it takes connections."""
        options = " ".join((*self.options, "-c", "listen_addresses=", "-k", str(self.folder)))
        log = self.folder / "log"
        self.run("pg_ctl", "-D", self.data, "-l", log, "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; ``immediate`` is a crash of it."""
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop the server if it runs, and remove the cluster."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder)

    def new_database(self, template: str = "template1") -> str:
        """Make a database; its URI."""
        name = f"test{next(self._numbers)}"
        self.psql("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.uri(name)

    def database(self, name: str) -> str:
        """Make a database of this name unless it is there; its URI."""
        if not self.psql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608
            self.psql("postgres", f"CREATE DATABASE {name}")
        return self.uri(name)

    def drop(self, uri: str) -> None:
        """Drop a database, whoever still uses it."""
        self.psql("postgres", f"DROP DATABASE {_name(uri)} WITH (FORCE)")

    def uri(self, name: str) -> str:
        """Where a database is found."""
        return f"postgresql://{USER}@/{name}?host={self.folder}&port={PORT}"

    def psql(self, database: str, statement: str) -> str:
        """Run a statement as the superuser; what psql prints, unaligned."""
        where = ("-h", self.folder, "-p", str(PORT), "-U", USER, "-d", database)
        return self.run(
            "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *where, "-c", statement
        )

    def ask(self, uri: str, statement: str) -> str:
        """Run a statement in a database; what psql prints, without the last line end."""
        return self.psql(_name(uri), statement).rstrip()

    def run(self, program: str, *arguments: str | Path) -> str:
        """Run one of the server's programs as the server's user; what it prints."""
        command: Sequence[str | Path] = (program_path(program), *arguments)
        if os.geteuid() == 0:
            # subprocess could change the user too, but would fork for it, which gRPC's threads in
            # this process do not always survive.
            account = pwd.getpwnam(USER)
            ids = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
            command = ("setpriv", *ids, *command)
        finished = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=STARTED_SECONDS * 2,
            check=False,
        )
        if finished.returncode:
            raise RuntimeError(
                f"{program}: {finished.returncode} {finished.stdout}{finished.stderr}"
            )
        return finished.stdout


def _name(uri: str) -> str:
    return urlsplit(uri).path.removeprefix("/")


def program_path(program: str) -> Path:
    """Find a program: Debian keeps those of the server out of PATH."""
    found = shutil.which(program)
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    if versions:
        return versions[-1]
    if found:
        return Path(found)
    raise FileNotFoundError(f"{program} is missing: install postgresql")
