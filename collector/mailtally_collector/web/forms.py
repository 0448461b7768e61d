"""What a form sends: read at once, within bounds, before a plain handler sees it."""

from collections.abc import Awaitable, Callable

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from mailtally_collector.web.site import page
from mailtally_collector.web.texts import Texts

BYTES_MAX = 256 * 1024
FIELDS_MAX = 1_000
WAITING_MAX = 32

Form = QueryParams
PostHandler = Callable[[Request, Form], Response]


def posted(
    handler: PostHandler, limiter: CapacityLimiter | None = None
) -> Callable[[Request], Awaitable[Response]]:
    """Make a handler of a form one of a request; it runs in a thread.

    ``limiter``  how many run at once; of those that wait, what is too many is refused.
    """

    async def endpoint(request: Request) -> Response:
        if limiter and limiter.statistics().tasks_waiting >= WAITING_MAX:
            return page(request, "refused.html", 503, why=Texts()("error.busy"))
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > BYTES_MAX:
                return page(request, "refused.html", 413, why=Texts()("error.too_large"))
        if body.count(b"&") >= FIELDS_MAX:
            return page(request, "refused.html", 413, why=Texts()("error.too_large"))
        form = QueryParams(body.decode("utf-8", "replace"))
        return await to_thread.run_sync(handler, request, form, limiter=limiter)

    return endpoint
