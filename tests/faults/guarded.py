"""A collector process in plaintext or with certificates, an honest agent's identity and another."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from mailtally_agent.enroll import enroll, parse_token
from mailtally_agent.identity import IDENTITY_NAME, keep_identity
from mailtally_collector.cli import app
from tests.integration.collector.certified import free_port

COLLECTOR = Path(sys.executable).parent / "mailtally-collector"


@dataclass(frozen=True, slots=True)
class Guarded:
    """``honest`` and ``stranger`` are identity.json of mx1 and mx9; None in plaintext."""

    address: str
    pid: int
    honest: Path | None
    stranger: Path | None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])


@contextmanager
def guarded(folder: Path, *, secure: bool) -> Iterator[Guarded]:
    """Run it while the block runs."""
    config, port_file = folder / "collector.toml", folder / "port"
    config.write_text(
        f'[listen]\naddress = "127.0.0.1:0"\nenrolment = "127.0.0.1:{free_port()}"\n'
        f'insecure = {str(not secure).lower()}\n[storage]\ndatabase = "{folder}/c.db"\n'
        f'[identity]\nfolder = "{folder}/ca"\n[log]\nlevel = "error"\n'
    )
    command: list[str | Path] = [COLLECTOR, "run", "--config", config, "--port-file", port_file]
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        while not port_file.exists():
            assert process.poll() is None, (folder / "collector.log").read_text()
            time.sleep(0.05)
        port = int(port_file.read_text())
        if secure:
            honest, stranger = (_enrolled(folder / one, config, one) for one in ("mx1", "mx9"))
            yield Guarded(f"localhost:{port}", process.pid, honest, stranger)
        else:
            yield Guarded(f"127.0.0.1:{port}", process.pid, None, None)
    finally:
        process.terminate()
        process.wait()


def _enrolled(state: Path, config: Path, server: str) -> Path:
    """Enrol an agent; its identity.json."""
    done = CliRunner().invoke(app, ["agents", "invite", server, "--config", str(config)])
    assert done.exit_code == 0, done.output
    keep_identity(state, enroll(parse_token(done.stdout.split()[-1]), ""))
    return state / IDENTITY_NAME
