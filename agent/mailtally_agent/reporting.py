"""Sessions one after another, with growing pauses when the collectors are away.

How       A session that got something acknowledged, or lasted, did good: after it the pauses are
          short again, and the first of several collectors is tried again. After any other one the
          next of them is.
"""

import asyncio
import random
import signal
from collections.abc import Callable, Coroutine

import grpc

from mailtally_agent.config import Config
from mailtally_agent.connection import Link
from mailtally_agent.harvest import Harvest
from mailtally_agent.identity import IdentityError
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
    renewing          ends when there is a new certificate, with which to go on
    """

    def __init__(
        self,
        config: Config,
        harvest: Harvest,
        session: Session,
        *,
        until_end: bool,
        patience_seconds: float | None = None,
        renewing: Callable[[Config, Link], Coroutine[None, None, None]] | None = None,
    ) -> None:
        self._config = config
        self._harvest = harvest
        self._session = session
        self._until_end = until_end
        self._patience_seconds = patience_seconds
        self._renewing = renewing
        self._stopped = asyncio.Event()
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
        async with Link(self._config) as link:
            while not self._stopped.is_set():
                acknowledged = self._harvest.window.acknowledged
                began = loop.time()
                problem = await self._run_session(link, welcomed)
                if problem is None:
                    if self._session.has_paused:
                        continue
                    return
                stored = acknowledged != self._harvest.window.acknowledged
                did_good = stored or (self._is_welcome and loop.time() - began >= GOOD_SECONDS)
                link.ended(did_good=did_good)
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

    async def _run_session(self, link: Link, welcomed: Callable[[str], None]) -> str | None:
        """Run one session; what it ended with, None when there is nothing left to do."""
        self._is_welcome = False

        def greeted() -> None:
            self._is_welcome = True
            welcomed(link.collector)

        try:
            await self._run_on(link, await link.channel(), greeted)
        except grpc.aio.AioRpcError as error:
            return await link.explain(error)
        except TimeoutError:
            return f"the collector at {link.collector} does not answer"
        except (ProtocolError, OutOfOrderError) as error:
            return f"the collector at {link.collector} is out of step: {error}"
        except IdentityError as error:
            return str(error)
        except OSError as error:
            if self._until_end:
                raise
            return f"cannot read the log or keep the place: {error}"
        return None

    async def _run_on(
        self, link: Link, channel: grpc.aio.Channel, welcomed: Callable[[], None]
    ) -> None:
        """Run one session, and let it pause when there is a new certificate to go on with."""
        session = self._session
        session.server = link.server
        renewing = None
        if self._renewing:
            renewing = asyncio.create_task(self._renewing(self._config, link))
            renewing.add_done_callback(lambda task: None if task.cancelled() else session.pause())
        try:
            await session.run(channel, until_end=self._until_end, welcomed=welcomed)
        finally:
            if renewing:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)

    def _stop(self, number: signal.Signals) -> None:
        self.signal = number
        self._stopped.set()
        self._session.stop()


def pause_seconds(failures: int, jitter: float) -> float:
    """Pause after so many failures in a row: doubling up to a limit, times 0.5 to 1 by jitter."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * (1 << min(failures, 10)))
    return longest * (0.5 + jitter / 2)
