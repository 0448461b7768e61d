"""``mailtally-agent check``: will this configuration work? Every finding with what to do."""

import grpc

from mailtally_agent.check_logs import check_logs
from mailtally_agent.config import Config
from mailtally_agent.connection import describe_error, open_channel
from mailtally_agent.source.disk import RealDisk

_HEALTH_METHOD = "/grpc.health.v1.Health/Check"
# A HealthCheckResponse whose status is SERVING.
_SERVING = b"\x08\x01"


async def check(config: Config) -> bool:
    """Print one line for each finding; whether all is well."""
    findings = [
        *check_logs(config),
        ("state folder", _check_state(config)),
        ("collector", await _check_collector(config)),
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
