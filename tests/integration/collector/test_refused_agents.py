"""What the operator of a mail host is told when the collector does not take its agent.

Each case as ``mailtally-agent check`` and as the running agent say it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailtally.v1 import enrollment_pb2 as pb
from mailtally_agent.certificate_request import identity_of, new_key
from mailtally_agent.identity import Identity, keep_identity
from mailtally_collector.identity import admission
from mailtally_collector.identity.authority import open_authority
from tests.integration.collector.certified import Certified, certified, free_port, run
from tests.integration.collector.conftest import collector
from tests.integration.collector.test_tls import certificate, openssl

AGENT = Path(sys.executable).parent / "mailtally-agent"
AGAIN = (
    "run mailtally-collector agents invite mx1 on the collector, and mailtally-agent enroll TOKEN"
    " here"
)


@pytest.fixture
async def secured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Certified]:
    monkeypatch.setattr(admission, "FRESH_SECONDS", 0.0)
    async with certified(tmp_path, tmp_path / "c.db") as running:
        yield running


async def told(config: Path) -> str:
    """What check says of the collector, after seeing that the running agent says it too."""
    checked = await asyncio.to_thread(run, [AGENT, "check", "--config", config])
    assert checked.returncode == 1, checked.stdout
    (line,) = [
        line.removeprefix("BAD collector: ")
        for line in checked.stdout.splitlines()
        if line.startswith("BAD collector: ")
    ]
    process = await asyncio.create_subprocess_exec(
        AGENT, "run", "--config", config, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(20):
            while b" why=" not in (said := await process.stderr.readline()):
                assert said, "it ended"
    finally:
        process.terminate()
        await process.communicate()
    assert said.decode().strip().partition(" why=")[2] == line
    status = await asyncio.to_thread(run, [AGENT, "status", "--json", "--config", config])
    assert json.loads(status.stdout)["problem"] == line
    return line


def signed_by(folder: Path, server: str, *, days_ago: float = 0) -> Identity:
    """An identity of the authority in a folder, which it signed so long ago for one day."""
    authority, key = open_authority(folder), new_key()
    then = datetime.now(UTC) - timedelta(days=days_ago)
    issued = authority.issue(key.request, server, then, timedelta(days=1))
    return identity_of(
        key,
        pb.IssuedCertificate(
            server=server,
            certificate=issued.certificate,
            authority=authority.pem,
            not_before_us=0,
            not_after_us=2**60,
        ),
    )


async def test_no_certificate(secured: Certified, tmp_path: Path) -> None:
    config = secured.agent_config(tmp_path, None, 'server = "mx1"')
    for command in ("run", "import"):
        arguments: list[str | Path] = [AGENT, command, "--config", config]
        done = await asyncio.to_thread(run, arguments + [config] * (command == "import"))
        assert done.returncode == 78
        assert "this agent has no certificate yet: run mailtally-collector agents invite mx1" in (
            done.stderr
        )
    with config.open("a") as file:
        file.write("insecure = true\n")
    assert await told(config) == (
        f"collector {secured.address}: it wants TLS and a certificate, and this agent has none:"
        f" leave out collector.insecure, and {AGAIN} (with [collector.tls]: get another"
        " certificate_file)"
    )


async def test_a_certificate_of_another_authority(secured: Certified, tmp_path: Path) -> None:
    stranger = signed_by(tmp_path / "other", "mx1")
    config = secured.agent_config(tmp_path, stranger)
    assert (await told(config)).startswith(
        f"collector {secured.address}: it shows a certificate of another authority than the one"
        f" that this agent trusts: a collector of others, or its authority was made anew; then"
        f" {AGAIN}"
    )
    trusting = replace(stranger, authority=(secured.authority / "ca.pem").read_text())
    keep_identity(tmp_path / "state", trusting)
    assert (await told(config)).startswith(
        f"collector {secured.address}: it does not take this agent's certificate, which another"
        f" authority (CN=mailtally agents) signed; {AGAIN}"
    )


async def test_a_certificate_that_ended(secured: Certified, tmp_path: Path) -> None:
    ended = signed_by(secured.authority, "mx1", days_ago=2)
    config = secured.agent_config(tmp_path, ended)
    said = await told(config)
    day = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    assert said.startswith(f"collector {secured.address}: this agent's certificate ended on {day}")
    assert AGAIN in said


async def test_a_certificate_from_the_future(secured: Certified, tmp_path: Path) -> None:
    config = secured.agent_config(tmp_path, signed_by(secured.authority, "mx1", days_ago=-2))
    assert (await told(config)).endswith("is the clock right?")


async def test_a_revoked_certificate_and_how_to_go_on(secured: Certified, tmp_path: Path) -> None:
    config = secured.agent_config(tmp_path, await secured.enrolled("mx1"))
    await secured.agents("revoke", "mx1")
    said = await told(config)
    assert said.startswith(f"collector {secured.address}: the certificate of mx1 was revoked on ")
    assert "mailtally-collector agents invite mx1 on the collector" in said

    token = await secured.token("mx1")
    enrolled = await asyncio.to_thread(
        run, [AGENT, "enroll", "-", "--config", config], token.encode()
    )
    assert enrolled.returncode == 0, enrolled.stderr
    checked = await asyncio.to_thread(run, [AGENT, "check", "--config", config])
    assert "ok  collector" in checked.stdout


async def test_an_agent_that_is_enrolled_again_goes_on_without_a_restart(
    secured: Certified, tmp_path: Path
) -> None:
    config = secured.agent_config(tmp_path, signed_by(tmp_path / "other", "mx1"))
    process = await asyncio.create_subprocess_exec(
        AGENT, "run", "--config", config, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            while b"another authority" not in await process.stderr.readline():
                pass
            keep_identity(tmp_path / "state", await secured.enrolled("mx1"))
            while b"connected" not in await process.stderr.readline():
                pass
    finally:
        process.terminate()
        await process.communicate()


async def test_another_name_in_the_configuration(secured: Certified, tmp_path: Path) -> None:
    identity = await secured.enrolled("mx1")
    config = secured.agent_config(tmp_path, identity, 'server = "mx2"')
    checked = await asyncio.to_thread(run, [AGENT, "check", "--config", config])
    assert "BAD identity: server = 'mx2' is not used: the certificate says 'mx1'" in checked.stdout
    token = await secured.token("mx3")
    done = await asyncio.to_thread(run, [AGENT, "enroll", token, "--config", config])
    assert done.returncode == 1
    assert "the token is for mx3, and this agent is configured as mx2" in done.stderr
    cut = await asyncio.to_thread(run, [AGENT, "enroll", token[:-2], "--config", config])
    assert (cut.returncode, "from its beginning to its end" in cut.stderr) == (2, True)


async def test_another_name_than_that_of_an_operators_certificate(tmp_path: Path) -> None:
    new_key = ("-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "ca.key")
    openssl("req", "-x509", *new_key, "-subj", "/CN=ca", "-days", "2", "-out", tmp_path / "ca.pem")
    for name in ("localhost", "mx1.example.com"):
        certificate(tmp_path, name)
    served = tmp_path / "collector.toml"
    served.write_text(
        f'[tls]\ncertificate_file = "{tmp_path}/localhost.pem"\n'
        f'key_file = "{tmp_path}/localhost.key"\nclient_ca_file = "{tmp_path}/ca.pem"\n'
    )
    config = tmp_path / "agent.toml"
    log = tmp_path / "mail.log"
    log.touch()
    async with collector(tmp_path / "c.db", served, insecure=None) as address:
        port = address.rpartition(":")[2]
        config.write_text(
            f'server = "mx2.example.com"\nstate_dir = "{tmp_path}/state"\n[source]\nlog = "{log}"\n'
            f'[collector]\naddress = "localhost:{port}"\n[collector.tls]\n'
            f'ca_file = "{tmp_path}/ca.pem"\nkey_file = "{tmp_path}/mx1.example.com.key"\n'
            f'certificate_file = "{tmp_path}/mx1.example.com.pem"\n'
        )
        checked = await asyncio.to_thread(run, [AGENT, "check", "--config", config])
        assert "BAD identity: the certificate is for mx1.example.com, not for mx2.example.com" in (
            checked.stdout
        )
        command: list[str | Path] = [AGENT, "import", "--wait", "0", "--config", config, log]
        log.write_text("2026-11-23T20:42:58+00:00 vm postfix/qmgr[1]: A1B2C3D4: removed\n")
        done = await asyncio.to_thread(run, command)
        assert (
            "the client certificate is for mx1.example.com, not for mx2.example.com" in done.stderr
        )


async def test_the_collector_is_reached_by_a_name_that_it_does_not_have(tmp_path: Path) -> None:
    async with certified(tmp_path, tmp_path / "c.db", host="0.0.0.0") as secured:  # noqa: S104
        config = secured.agent_config(tmp_path, await secured.enrolled("mx1"))
        port = secured.address.rpartition(":")[2]
        config.write_text(config.read_text().replace(secured.address, f"127.0.0.2:{port}"))
        assert "its certificate is not for 127.0.0.2: set collector.address" in await told(config)


async def test_a_collector_without_tls(tmp_path: Path) -> None:
    identity = signed_by(tmp_path / "other", "mx1")
    async with collector(tmp_path / "c.db") as address:
        config = Certified(address, tmp_path).agent_config(tmp_path, identity)
        assert f"collector {address}: it does not speak TLS" in await told(config)


async def test_a_collector_that_is_away(tmp_path: Path) -> None:
    address = f"localhost:{free_port()}"
    identity = signed_by(tmp_path / "other", "mx1")
    config = Certified(address, tmp_path).agent_config(tmp_path, identity)
    assert "is it running" in await told(config)
