"""The running agent: follows the logs and reports them."""

import logging
import time

from mailtally_agent.collecting import Collecting
from mailtally_agent.config import Config
from mailtally_agent.connection import read_material
from mailtally_agent.harvest import Harvest, HarvestOptions
from mailtally_agent.logs import configured_logs
from mailtally_agent.reading import ReadingOptions
from mailtally_agent.renewal import renew_when_due
from mailtally_agent.reporting import Reporting
from mailtally_agent.session import Session
from mailtally_agent.settings_state import SETTINGS_NAME
from mailtally_agent.ship import Window
from mailtally_agent.source.disk import RealDisk
from mailtally_agent.status import StatusFile

logger = logging.getLogger(__name__)

CHECKPOINT_NAME = "checkpoint.json"


def clock_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


async def run(config: Config, *, until_end: bool) -> None:
    """Follow the logs until SIGTERM or SIGINT, or with until_end until all of it is reported.

    Raises OSError when the state folder cannot be used, and with until_end when a log cannot, and
    IdentityError when there is no certificate to report with.
    """
    config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    identity, _ = read_material(config)
    server = identity.server if identity else config.server
    if config.server_is_set and server != config.server:
        logger.warning("the certificate names this server %s, not %s", server, config.server)
    status = StatusFile(config.state_dir, server, clock_us)
    disk = RealDisk()
    options = HarvestOptions(
        logs=configured_logs(config, disk),
        checkpoint_path=str(config.state_dir / CHECKPOINT_NAME),
        reading=ReadingOptions(config.time_zone, config.rules),
        since_us=config.since_us,
    )
    window = Window(config.batch_records, config.batches_in_flight)
    harvest = Harvest(options, disk, clock_us, window)
    collecting = None
    if not until_end:
        settings_path = str(config.state_dir / SETTINGS_NAME)
        collecting = Collecting(harvest, server, disk, settings_path, clock_us)
    session = Session(harvest, server, status, clock_us, collecting)
    reporting = Reporting(
        config,
        harvest,
        session,
        until_end=until_end,
        renewing=lambda config, link: renew_when_due(config, link, clock_us),
    )

    def welcomed(collector: str) -> None:
        logger.info("connected collector=%s server=%s", collector, session.server)

    def waiting(problem: str, pause_seconds: float) -> None:
        logger.warning("waiting pause=%.1fs why=%s", pause_seconds, problem)
        status.write_waiting(harvest, problem, collecting)

    logs = ", ".join(log.name for log in options.logs)
    logger.info("agent started server=%s logs=%s", server, logs)
    await reporting.run(welcomed=welcomed, waiting=waiting)
    harvest.close()
    logger.info("agent stopped records=%d", window.acknowledged)
