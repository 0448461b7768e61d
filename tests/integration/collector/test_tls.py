"""Mutual TLS: who has no certificate is not served, and nobody reports under another's name."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from mailtally_collector.config import load_config
from mailtally_collector.daemon import serve
from tests.integration.collector.conftest import port_in
from tests.integration.collector.reports import story
from tests.integration.collector.wire import Agent


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def certificate(folder: Path, name: str) -> None:
    """Make NAME.key and NAME.pem, signed by ca.pem."""
    request = folder / f"{name}.csr"
    new_key = ("-newkey", "rsa:2048", "-nodes", "-keyout", folder / f"{name}.key")
    openssl("req", *new_key, "-subj", f"/CN={name}", "-out", request)
    (folder / "san").write_text(f"subjectAltName=DNS:{name}")
    authority = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial")
    openssl(
        *("x509", "-req", "-in", request, *authority, "-days", "2"),
        *("-extfile", folder / "san", "-out", folder / f"{name}.pem"),
    )


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[str]:
    new_key = ("-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "ca.key")
    openssl("req", "-x509", *new_key, "-subj", "/CN=ca", "-days", "2", "-out", tmp_path / "ca.pem")
    for name in ("localhost", "mx1.example.com"):
        certificate(tmp_path, name)
    config = tmp_path / "collector.toml"
    config.write_text(
        f'[listen]\naddress = "0.0.0.0:0"\n[storage]\ndatabase = "{tmp_path}/c.db"\n[tls]\n'
        f'certificate_file = "{tmp_path}/localhost.pem"\nkey_file = "{tmp_path}/localhost.key"\n'
        f'client_ca_file = "{tmp_path}/ca.pem"\n'
    )
    stop, port_file = asyncio.Event(), tmp_path / "port"
    task = asyncio.create_task(serve(load_config(config), stop, port_file))
    yield f"localhost:{await port_in(port_file)}"
    stop.set()
    await task


def credentials(folder: Path, name: str | None) -> grpc.ChannelCredentials:
    authority = (folder / "ca.pem").read_bytes()
    if name is None:
        return grpc.ssl_channel_credentials(authority)
    files = (folder / f"{name}.key", folder / f"{name}.pem")
    return grpc.ssl_channel_credentials(authority, *(file.read_bytes() for file in files))


async def test_an_agent_reports_under_the_name_of_its_certificate(
    secure: str, tmp_path: Path
) -> None:
    mine = credentials(tmp_path, "mx1.example.com")
    async with grpc.aio.secure_channel(secure, mine) as channel:
        agent = Agent(channel)
        await agent.hello("mx1.example.com")
        assert (await agent.store(story())).stored == len(story())
        other = Agent(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await other.hello("mx2.example.com")
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert refused.value.details() == (
        "the client certificate is for mx1.example.com, not for mx2.example.com"
    )


async def test_without_a_certificate_nothing_is_served(secure: str, tmp_path: Path) -> None:
    async with grpc.aio.secure_channel(secure, credentials(tmp_path, None)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await Agent(channel).hello("mx1.example.com")
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
