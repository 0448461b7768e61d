"""The running agent: sessions one after another, with pauses when the collector is away."""

import asyncio
import errno
import logging
import random
import signal
import time

import grpc

from mailtally_agent.config import Config
from mailtally_agent.connection import describe_error, open_channel
from mailtally_agent.harvest import Harvest, HarvestOptions
from mailtally_agent.session import ProtocolError, Session
from mailtally_agent.ship import OutOfOrderError, Window
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.status import StatusFile

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
CHECKPOINT_NAME = "checkpoint.json"


def clock_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def pause_seconds(failures: int, jitter: float) -> float:
    """Pause after so many failures in a row: doubling up to a limit, times 0.5 to 1 by jitter."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * (1 << min(failures, 10)))
    return longest * (0.5 + jitter / 2)


async def run(config: Config, *, until_end: bool) -> None:
    """Follow the log until SIGTERM or SIGINT, or with until_end until all of it is reported.

    Raises OSError when the state folder cannot be used, and with until_end when the log cannot.
    """
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = StatusFile(config.state_dir, config.server, clock_us)
    options = HarvestOptions(
        log=str(config.log),
        checkpoint_path=str(config.state_dir / CHECKPOINT_NAME),
        zone=config.time_zone,
        rules=config.rules,
        since_us=config.since_us,
    )
    window = Window(config.batch_records, config.batches_in_flight)
    harvest = Harvest(options, RealDisk(), clock_us, window)
    if until_end and harvest.log_file.first_change_us() is None:
        raise FileNotFoundError(errno.ENOENT, "no such log", str(config.log))
    session = Session(harvest, config.server, status, clock_us)
    stopped = asyncio.Event()

    def stop() -> None:
        stopped.set()
        session.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    logger.info("agent started server=%s log=%s", config.server, config.log)
    async with open_channel(config) as channel:
        failures = 0

        def welcomed() -> None:
            nonlocal failures
            failures = 0
            logger.info("connected collector=%s", config.collector)

        while not stopped.is_set():
            try:
                await session.run(channel, until_end=until_end, welcomed=welcomed)
                break
            except grpc.aio.AioRpcError as error:
                problem = describe_error(config.collector, error)
            except TimeoutError:
                problem = f"the collector at {config.collector} does not answer"
            except (ProtocolError, OutOfOrderError) as error:
                problem = f"the collector at {config.collector} is out of step: {error}"
            except OSError as error:
                if until_end:
                    raise
                problem = f"cannot read the log or keep the place: {error}"
            pause = pause_seconds(failures, random.random())  # noqa: S311 - jitter is no secret
            failures += 1
            logger.warning("waiting pause=%.1fs why=%s", pause, problem)
            status.write_waiting(harvest, problem)
            try:
                await asyncio.wait_for(stopped.wait(), pause)
            except TimeoutError:
                continue
    harvest.log_file.close()
    logger.info("agent stopped records=%d", window.acknowledged)
