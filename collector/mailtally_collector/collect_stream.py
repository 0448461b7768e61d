"""One caller's request to collect now: made, watched, and ended when nobody waits any more.

Limits    Who leaves early stops nothing: agents go on, and their results are noted.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

from mailtally.v1 import control_pb2
from mailtally_collector.collecting import NOT_CONNECTED, TIMED_OUT, UNDER_WAY
from mailtally_collector.control_changes import Request
from mailtally_collector.control_codec import encode_progress
from mailtally_collector.control_means import ControlMeans
from mailtally_collector.query.progress import Progress, progress_of
from mailtally_collector.store.requests import end_requests

LOOK_SECONDS = 0.3
HEARTBEAT_SECONDS = 10.0


async def collect(
    means: ControlMeans, asked: control_pb2.CollectNowRequest, who: str, stopping: asyncio.Event
) -> AsyncIterator[control_pb2.CollectNowResponse]:
    """Give the progress of all servers, then of those where it changed, until the end.

    Ends early when ``stopping`` is set. Raises QueryError.
    """
    request = Request(tuple(asked.servers), asked.wait_seconds, means.clock(), who)
    request_ids = await means.change(request)
    told: dict[str, Progress] = {}
    beat = float("-inf")
    while not stopping.is_set():
        found = await _look(means, request_ids)
        fresh = [one for one in found if told.get(one.server) != one]
        if fresh or time.monotonic() - beat >= HEARTBEAT_SECONDS:
            told |= {one.server: one for one in fresh}
            yield control_pb2.CollectNowResponse(servers=map(encode_progress, fresh))
            beat = time.monotonic()
        if not any(one.state in UNDER_WAY for one in found):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await stopping.wait()


async def _look(means: ControlMeans, request_ids: list[int]) -> list[Progress]:
    """Look at the requests; those that are over without an answer of the agent are ended."""
    present = means.presence.servers()
    found = await means.read(progress_of, request_ids, present, means.clock())
    for state in (NOT_CONNECTED, TIMED_OUT):
        over = [one.request_id for one in found if one.state == state]
        if over:
            work = partial(end_requests, request_ids=over, state=state)
            await asyncio.to_thread(means.transact, work)
    return found
