"""Questions to a database whose server may have gone and come back since the last one."""

import logging
from collections.abc import Callable
from typing import TypeVar

from peewee import Database, PeeweeException
from playhouse.pool import PooledDatabase  # type: ignore[import-untyped]

from mailtally_collector.store.failures import is_connection_lost, sentence

logger = logging.getLogger(__name__)

T = TypeVar("T")


def answer(database: Database, question: Callable[[], T]) -> T:
    """Ask on a connection of this thread's; when it turns out to be lost, on a new one, once.

    Raises what the question raises.
    """
    try:
        with database.connection_context():
            return question()
    except PeeweeException as error:
        if not is_connection_lost(error):
            raise
        logger.info('connection lost, asking again reason="%s"', sentence(error))
    if isinstance(database, PooledDatabase):
        database.close_idle()  # those beside it will be no better
    with database.connection_context():
        return question()
