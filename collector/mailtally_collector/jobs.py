"""What the collector does by the clock, in one thread beside the services.

Rules     Every few seconds the operator's folder is looked at; when other rules are in force then,
          the verdicts in the database follow. Once at the start too.
Sweep     Links that a killed collector left unresolved are resolved (store/settlement.py).
Errors    A job that fails is logged and tried again at its next turn.
"""

import logging
import threading
from collections.abc import Callable

from schedule import Scheduler

from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.store.store import Store

logger = logging.getLogger(__name__)

RULES_SECONDS = 2
SWEEP_SECONDS = 5
TURN_SECONDS = 0.5


class Jobs:
    """Runs the jobs until it is stopped."""

    def __init__(self, rules: CurrentRules, store: Store) -> None:
        self._rules = rules
        self._store = store
        self._followed = ""
        self._stopped = threading.Event()
        self._scheduler = Scheduler()
        self._scheduler.every(RULES_SECONDS).seconds.do(self._follow_rules)
        self._scheduler.every(SWEEP_SECONDS).seconds.do(self._store.sweep)
        self._thread = threading.Thread(target=self._run, name="jobs")

    def start(self) -> None:
        """Begin with every job at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the job under way; blocks until then."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        self._safely(self._scheduler.run_all)
        while not self._stopped.wait(TURN_SECONDS):
            self._safely(self._scheduler.run_pending)

    def _safely(self, turn: Callable[[], None]) -> None:
        try:
            turn()
        except Exception:
            logger.exception("job failed")

    def _follow_rules(self) -> None:
        """Read rules that changed; judge again until every verdict follows the rules in force."""
        self._rules.reload()
        digest = self._rules.rules.digest
        if digest == self._followed:
            return
        done = 0
        while not self._stopped.is_set():
            some = self._store.reclassify_some()
            done += some
            if not some:
                self._followed = digest
                break
        if done:
            logger.info("replies judged again count=%d rules=%s", done, digest)
