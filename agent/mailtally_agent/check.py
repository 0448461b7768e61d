"""``mailtally-agent check``: will this configuration work? Every finding with what to do."""

from contextlib import suppress
from dataclasses import replace

import grpc

from mailtally_agent.check_logs import check_logs
from mailtally_agent.config import Config
from mailtally_agent.connection import Link, read_material
from mailtally_agent.identity import Identity, IdentityError, Material
from mailtally_agent.source.disk import RealDisk

_HEALTH_METHOD = "/grpc.health.v1.Health/Check"
# A HealthCheckResponse whose status is SERVING.
_SERVING = b"\x08\x01"


async def check(config: Config) -> bool:
    """Print one line for each finding; whether all is well."""
    findings = [
        *check_logs(config),
        ("state folder", _check_state(config)),
        ("identity", _check_identity(config)),
        *await _check_collectors(config),
    ]
    for subject, problem in findings:
        print(f"{'ok ' if problem is None else 'BAD'} {subject}{f': {problem}' if problem else ''}")
    return all(problem is None for _, problem in findings)


def _check_state(config: Config) -> str | None:
    probe = config.state_dir / "checkpoint.json.check"
    try:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        RealDisk().replace(str(probe), b"")
        probe.unlink()
    except OSError as error:
        return f"{config.state_dir}: {error.strerror or error}; set state_dir or its owner"
    return None


def _check_identity(config: Config) -> str | None:
    try:
        identity, material = read_material(config)
    except IdentityError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename}: {error.strerror}; see [collector.tls]"
    return _check_name(config, identity, material) if material else None


def _check_name(config: Config, identity: Identity | None, material: Material) -> str | None:
    """Whether the certificate is for the server that the configuration names."""
    if identity:
        if not config.server_is_set or config.server == identity.server:
            return None
        return (
            f"server = {config.server!r} is not used: the certificate says {identity.server!r};"
            " leave out server, or write that"
        )
    # cryptography takes its time; the running agent does without.
    from mailtally_agent.tls_trouble import names_of  # noqa: PLC0415

    names = names_of(material)
    if config.server in names:
        return None
    return (
        f"the certificate is for {', '.join(names) or 'nobody'}, not for {config.server}: set"
        " server to a name in it, or get another"
    )


async def _check_collectors(config: Config) -> list[tuple[str, str | None]]:
    async with Link(config) as link:
        with suppress(IdentityError, OSError):
            await link.channel()
        collectors = link.collectors
    names = ["collector"] if len(collectors) == 1 else [f"collector {one}" for one in collectors]
    return [
        (name, await _check_collector(replace(config, collectors=[one])))
        for name, one in zip(names, collectors, strict=True)
    ]


async def _check_collector(config: Config) -> str | None:
    async with Link(config) as link:
        try:
            channel = await link.channel()
            health: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                _HEALTH_METHOD
            )
            answer = await health(b"", timeout=5, wait_for_ready=False)
        except grpc.aio.AioRpcError as error:
            return await link.explain(error)
        except IdentityError:
            return "not asked, without a certificate"
        except OSError as error:
            return f"{error.filename}: {error.strerror}; see [collector.tls]"
    if answer != _SERVING:
        return f"collector {link.collector}: it answers, but is not serving"
    return None
