"""Sessions one after another, with growing pauses when the collectors are away.

How       A session that got something acknowledged, or lasted, did good: after it the pauses are
          short again, and the first of several collectors is tried again. After any other one the
          next of them is.
"""

import asyncio
import random
import signal
from collections.abc import Callable

import grpc

from mailtally_agent.addresses import Addresses
from mailtally_agent.config import Config
from mailtally_agent.connection import describe_error, open_channel
from mailtally_agent.harvest import Harvest
from mailtally_agent.session import ProtocolError, Session
from mailtally_agent.ship import OutOfOrderError

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
# A session that was open for so long did good, even if there was nothing to report.
GOOD_SECONDS = 30.0


class CollectorAwayError(Exception):
    """The collector took nothing for as long as we were told to wait; the text says why."""


class Reporting:
    """Reports a harvest until all of it is acknowledged, or until it is told to stop.

    until_end         leave when everything that the log holds is stored
    patience_seconds  how long to wait while nothing is acknowledged; None for ever
    """

    def __init__(
        self,
        config: Config,
        harvest: Harvest,
        session: Session,
        *,
        until_end: bool,
        patience_seconds: float | None = None,
    ) -> None:
        self._config = config
        self._harvest = harvest
        self._session = session
        self._until_end = until_end
        self._patience_seconds = patience_seconds
        self._stopped = asyncio.Event()
        self._addresses = Addresses(config.collectors, config.server)
        self._is_welcome = False
        # The signal that ended it.
        self.signal: signal.Signals | None = None

    async def run(
        self, *, welcomed: Callable[[str], None], waiting: Callable[[str, float], None]
    ) -> None:
        """Report until the end, SIGTERM or SIGINT.

        ``welcomed`` gets the collector's address, ``waiting`` the problem and the pause. Raises
        CollectorAwayError, and OSError: when a TLS file cannot be read, and with until_end when the
        log cannot or the place cannot be kept.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        failures = 0
        away_since: float | None = None
        while not self._stopped.is_set():
            collector = self._addresses.current
            acknowledged = self._harvest.window.acknowledged
            began = loop.time()
            async with open_channel(self._config, collector) as channel:
                problem = await self._run_session(channel, collector, welcomed)
            if problem is None:
                return
            stored = acknowledged != self._harvest.window.acknowledged
            did_good = stored or (self._is_welcome and loop.time() - began >= GOOD_SECONDS)
            self._addresses.ended(did_good=did_good)
            if did_good:
                failures = 0
            if away_since is None or stored:
                away_since = loop.time()
            pause = pause_seconds(failures, random.random())  # noqa: S311 - jitter is no secret
            failures += 1
            if self._patience_seconds is not None:
                left = self._patience_seconds - (loop.time() - away_since)
                if left <= 0:
                    raise CollectorAwayError(problem)
                pause = min(pause, left)
            waiting(problem, pause)
            try:
                await asyncio.wait_for(self._stopped.wait(), pause)
            except TimeoutError:
                continue

    async def _run_session(
        self, channel: grpc.aio.Channel, collector: str, welcomed: Callable[[str], None]
    ) -> str | None:
        """Run one session; what it ended with, None when there is nothing left to do."""
        self._is_welcome = False

        def greeted() -> None:
            self._is_welcome = True
            welcomed(collector)

        try:
            await self._session.run(channel, until_end=self._until_end, welcomed=greeted)
        except grpc.aio.AioRpcError as error:
            return describe_error(collector, error)
        except TimeoutError:
            return f"the collector at {collector} does not answer"
        except (ProtocolError, OutOfOrderError) as error:
            return f"the collector at {collector} is out of step: {error}"
        except OSError as error:
            if self._until_end:
                raise
            return f"cannot read the log or keep the place: {error}"
        return None

    def _stop(self, number: signal.Signals) -> None:
        self.signal = number
        self._stopped.set()
        self._session.stop()


def pause_seconds(failures: int, jitter: float) -> float:
    """Pause after so many failures in a row: doubling up to a limit, times 0.5 to 1 by jitter."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * (1 << min(failures, 10)))
    return longest * (0.5 + jitter / 2)
