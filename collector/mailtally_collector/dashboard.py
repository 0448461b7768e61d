"""The dashboard of a collector: application and web server, or neither.

First run While nobody may sign in, each start logs a link by which the first admin comes; it is
          good once, for 24 hours, and replaces the one before.
Limits    A default port that another program has costs the dashboard, not the collector; one that
          the configuration names must be free.
"""

import logging
from collections.abc import Callable

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.config import Config
from mailtally_collector.people.register import first_link
from mailtally_collector.presence import Presence
from mailtally_collector.serving import PortError
from mailtally_collector.store.database import close_reading, open_for_reading
from mailtally_collector.store.transact import Transact
from mailtally_collector.store.writer import StoreUnavailableError
from mailtally_collector.web.app import build_app
from mailtally_collector.web.server import WebServer

logger = logging.getLogger(__name__)


class Dashboard:
    """Takes its port at once. Raises PortError, or OSError for a file."""

    def __init__(
        self,
        config: Config,
        presence: Presence,
        rules: CurrentRules,
        clock: Callable[[], int],
        transact: Transact,
    ) -> None:
        self._config = config
        self._transact = transact
        self._clock = clock
        self._database = open_for_reading(config.storage.database)
        self._server: WebServer | None = None
        if not config.web_address:
            return
        app = build_app(
            *(self._database, presence, rules, clock),
            transact=transact,
            trusted_proxies=config.web.proxies,
        )
        try:
            self._server = WebServer(app, config.web_address, config.web.certificate)
        except PortError as error:
            if config.web.address is not None or config.web.certificate:
                raise
            logger.warning('no dashboard reason="%s"', error)

    @property
    def port(self) -> int:
        """The port; 0 for none."""
        return self._server.port if self._server else 0

    def start(self) -> None:
        """Begin to answer; blocks shortly, for a thread."""
        if self._server is None:
            return
        self._server.start()
        url = self._config.web_url(self.port)
        logger.info("dashboard address=%s", url)
        try:
            secret = self._transact(lambda sql: first_link(sql, self._clock()))
        except StoreUnavailableError:
            return  # the writer has said why
        if secret:
            logger.warning("nobody can sign in yet; within 24 hours, open %s/setup/%s", url, secret)

    def stop(self) -> None:
        """End; blocks until answers under way are given. May be called again."""
        if self._server:
            self._server.stop()
        close_reading(self._database)
