"""A collector that is its own authority, in this process, and agents that enrol with it."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from typer.testing import CliRunner

from mailtally_agent.enroll import enroll, parse_token
from mailtally_agent.identity import Identity, keep_identity
from mailtally_collector.cli import app
from mailtally_collector.config import load_config
from mailtally_collector.daemon import serve
from mailtally_collector.store.location import Location
from tests.integration.collector.conftest import port_in

COLLECTOR = Path(sys.executable).parent / "mailtally-collector"


@dataclass(frozen=True, slots=True)
class Certified:
    """Where it listens, and the configuration that its commands take."""

    address: str
    config: Path

    @property
    def authority(self) -> Path:
        """The folder of its authority."""
        return self.config.parent / "ca"

    async def agents(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``mailtally-collector agents``, in a process of its own."""
        command: list[str | Path] = [COLLECTOR, "agents", *arguments, "--config", self.config]
        return await asyncio.to_thread(run, command)

    async def token(self, server: str) -> str:
        """Invite an agent; the same in this process."""
        arguments = ["agents", "invite", server, "--config", str(self.config)]
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout.split()[-1]

    async def enrolled(self, server: str) -> Identity:
        """Invite an agent and enrol it."""
        token = parse_token(await self.token(server))
        return await asyncio.to_thread(enroll, token, "")

    def query_credentials(self) -> grpc.ChannelCredentials:
        """What ``mailtally`` presents."""
        files = (self.authority / name for name in ("ca.pem", "query.key", "query.pem"))
        return grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))

    def agent_config(self, folder: Path, identity: Identity | None, *lines: str) -> Path:
        """Write the configuration of an agent with this identity."""
        state = folder / "state"
        if identity:
            keep_identity(state, identity)
        config = folder / "agent.toml"
        log = folder / "mail.log"
        log.touch()
        text = [f'state_dir = "{state}"', *lines, "[source]", f'log = "{log}"', "[collector]"]
        config.write_text("\n".join([*text, f'address = "{self.address}"']) + "\n")
        return config


def run(command: list[str | Path], given: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command, capture_output=True, text=True, check=False, input=given.decode(), timeout=60
    )


def credentials_of(identity: Identity) -> grpc.ChannelCredentials:
    """What an enrolled agent presents."""
    parts = (identity.authority, identity.key, identity.certificate)
    return grpc.ssl_channel_credentials(*(part.encode() for part in parts))


def free_port() -> int:
    """A port that nobody has at present."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def certified(
    folder: Path, location: Location, *, host: str = "127.0.0.1", **identity: Any
) -> AsyncIterator[Certified]:
    """Run a collector; ``identity`` sets what its configuration would not take."""
    database = location if isinstance(location, Path) else location.uri
    config_file = folder / "collector.toml"
    config_file.write_text(
        f'[listen]\naddress = "{host}:0"\nenrolment = "127.0.0.1:{free_port()}"\n'
        f'[storage]\ndatabase = "{database}"\n[identity]\nfolder = "{folder}/ca"\n'
        'hosts = ["localhost"]\n'
    )
    config = load_config(config_file)
    if identity:
        changed = config.identity.model_copy(update=identity)
        config = config.model_copy(update={"identity": changed})
    stop, port_file = asyncio.Event(), folder / "port"
    port_file.unlink(missing_ok=True)
    task = asyncio.create_task(serve(config, stop, port_file))
    try:
        yield Certified(f"localhost:{await port_in(port_file)}", config_file)
    finally:
        stop.set()
        await task
