"""``mailtally-agent check``: will this configuration work? Every finding with what to do."""

import grpc

from mailtally_agent.config import Config
from mailtally_agent.connection import Link, read_material
from mailtally_agent.daemon import clock_us
from mailtally_agent.identity import Identity, IdentityError, Material
from mailtally_agent.log_reader import LogReader
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.log_file import LogFile

_HEALTH_METHOD = "/grpc.health.v1.Health/Check"
# A HealthCheckResponse whose status is SERVING.
_SERVING = b"\x08\x01"


async def check(config: Config) -> bool:
    """Print one line for each finding; whether all is well."""
    findings = [
        ("log", _check_log(config)),
        ("state folder", _check_state(config)),
        ("identity", _check_identity(config)),
        ("collector", await _check_collector(config)),
    ]
    for subject, problem in findings:
        print(f"{'ok ' if problem is None else 'BAD'} {subject}{f': {problem}' if problem else ''}")
    return all(problem is None for _, problem in findings)


def _check_log(config: Config) -> str | None:
    log_file = LogFile(RealDisk(), str(config.log), None)
    try:
        newest_us = log_file.first_change_us() or clock_us()
        lines = log_file.read()
    except PermissionError:
        return f"{config.log}: permission denied; add the agent's user to the group adm"
    except OSError as error:
        return f"{config.log}: {error.strerror or error}; set source.log"
    finally:
        log_file.close()
    if not lines:
        return f"{config.log}: missing, or no line yet; set source.log if mail is logged elsewhere"
    reader = LogReader(config.time_zone, newest_us, config.rules)
    reader.read(lines)
    if problem := reader.problem():
        return f"{config.log}: {problem}"
    return None


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
