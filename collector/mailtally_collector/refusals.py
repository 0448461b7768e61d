"""Calls that cannot be answered: which status and which sentence the caller gets.

Gives     ``guarded`` for an answer, ``refuse`` for an error among REFUSED.
"""

import logging
from collections.abc import Awaitable
from typing import Any, NoReturn, TypeVar

import grpc
from peewee import PeeweeException

from mailtally_collector.query.filters import QueryError
from mailtally_collector.query.tail import TailOverflowError
from mailtally_collector.store.failures import sentence
from mailtally_collector.store.writer import StoreUnavailableError

logger = logging.getLogger(__name__)

REFUSED = (QueryError, PeeweeException, StoreUnavailableError)

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]


async def guarded(context: Context, answer: Awaitable[T]) -> T:
    """Wait for the answer, and give its errors the status that they mean."""
    try:
        return await answer
    except REFUSED as error:
        await refuse(context, error)


async def refuse(
    context: Context, error: QueryError | PeeweeException | StoreUnavailableError
) -> NoReturn:
    """End the call."""
    match error:
        case TailOverflowError():
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        case QueryError():
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        case StoreUnavailableError():
            await context.abort(grpc.StatusCode.UNAVAILABLE, f"the database cannot commit: {error}")
        case _:
            reason = sentence(error)
            logger.error('query failed reason="%s"', reason)
            await context.abort(
                grpc.StatusCode.UNAVAILABLE, f"the database cannot be read: {reason}"
            )
