"""``mailtally-agent check``: will this configuration work? Every finding with what to do."""

from pathlib import Path

import grpc

from mailtally_agent.config import Config
from mailtally_agent.connection import describe_error, open_channel
from mailtally_agent.daemon import clock_us
from mailtally_agent.log_reader import LogReader
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.source.log_file import LogFile

_HEALTH_METHOD = "/grpc.health.v1.Health/Check"
# A HealthCheckResponse whose status is SERVING.
_SERVING = b"\x08\x01"


async def check(config: Config) -> bool:
    """Print one line for each finding; whether all is well."""
    findings = [
        *((f"log {path}", _check_log(config, path)) for path in config.logs),
        ("state folder", _check_state(config)),
        ("collector", await _check_collector(config)),
    ]
    for subject, problem in findings:
        print(f"{'ok ' if problem is None else 'BAD'} {subject}{f': {problem}' if problem else ''}")
    return all(problem is None for _, problem in findings)


def _check_log(config: Config, path: Path) -> str | None:
    log_file = LogFile(RealDisk(), str(path), None)
    try:
        newest_us = log_file.first_change_us() or clock_us()
        lines = log_file.read()
    except PermissionError:
        return "permission denied; add the agent's user to the group adm"
    except OSError as error:
        return f"{error.strerror or error}; set source.log if mail is logged elsewhere"
    finally:
        log_file.close()
    if not lines:
        return "no line yet; set source.log if mail is logged elsewhere"
    reader = LogReader(config.time_zone, newest_us, config.rules)
    reader.read(lines)
    return reader.problem() or None


def _check_state(config: Config) -> str | None:
    probe = config.state_dir / "checkpoint.json.check"
    try:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        RealDisk().replace(str(probe), b"")
        probe.unlink()
    except OSError as error:
        return f"{config.state_dir}: {error.strerror or error}; set state_dir or its owner"
    return None


async def _check_collector(config: Config) -> str | None:
    try:
        async with open_channel(config) as channel:
            health: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                _HEALTH_METHOD
            )
            answer = await health(b"", timeout=5, wait_for_ready=False)
    except grpc.aio.AioRpcError as error:
        return describe_error(config.collector, error)
    except OSError as error:
        return f"{error.filename}: {error.strerror}; see [collector.tls]"
    if answer != _SERVING:
        return f"collector {config.collector}: it answers, but is not serving"
    return None
