"""Who asks for a page: their browser's session, or the way to the sign-in page.

Cookie    ``__Host-mailtally``: a random key, nothing else. Secure, HttpOnly, SameSite=Lax, of this
          host alone. Browsers take Secure cookies over plain HTTP from localhost and 127.0.0.1
          only; elsewhere the site needs TLS, its own or a proxy's.
Limits    A page that is not the viewer's is 403 whether it exists or not; addresses that only
          signed-in people may ask for lead strangers to the sign-in page whether they exist or not.
"""

from urllib.parse import quote, urlsplit

from anyio import to_thread
from peewee import PeeweeException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mailtally_collector.people.entrance import SignedIn
from mailtally_collector.store.writer import StoreUnavailableError
from mailtally_collector.web.navigation import may_see
from mailtally_collector.web.site import page, site_of
from mailtally_collector.web.texts import Texts

COOKIE = "__Host-mailtally"
OPEN = ("/login", "/setup", "/static")
HOME = "/"


class Doorkeeper:
    """Middleware inside Security."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through with ``request.state.viewer`` and ``signed_in``, or answer at once."""
        app = self._app
        if scope["type"] == "http" and not _is_open(scope["path"]):
            app = await self._judged(Request(scope)) or app
        await app(scope, receive, send)

    async def _judged(self, request: Request) -> Response | None:
        """The answer to who may not pass."""
        entrance = site_of(request).entrance
        try:
            signed_in = await to_thread.run_sync(entrance.find, key_of(request))
        except (PeeweeException, StoreUnavailableError):
            return page(request, "refused.html", 503, why=Texts()("error.database"))
        if signed_in is None:
            return _to_sign_in(request)
        request.state.viewer = signed_in.viewer
        request.state.signed_in = signed_in
        if not may_see(signed_in.viewer, request.url.path):
            return page(request, "refused.html", 403, why=Texts()("error.forbidden"))
        return None


def signed_in_of(request: Request) -> SignedIn:
    """Who is signed in, with what only handlers of the account need."""
    found: SignedIn = request.state.signed_in
    return found


def key_of(request: Request) -> str:
    """What the browser's cookie says; empty for nothing."""
    return request.cookies.get(COOKIE, "")


def give_key(response: Response, key: str) -> Response:
    """Have the browser keep the key until it is closed, or the session ends."""
    response.set_cookie(COOKIE, key, path="/", secure=True, httponly=True, samesite="lax")
    return response


def take_key(response: Response) -> Response:
    """Have the browser forget it."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def local_path(target: str) -> str:
    r"""Where to go after signing in: a page of this site, or else the first.

    >>> local_path("/people?x=1"), local_path("//evil.example"), local_path("https://evil.example")
    ('/people?x=1', '/', '/')
    >>> local_path("/\\evil.example"), local_path("/\t/evil.example"), local_path("/login")
    ('/', '/', '/')
    """
    try:
        parts = urlsplit(target)
    except ValueError:
        return HOME
    is_ours = (
        target.startswith("/")
        and not target.startswith("//")
        and not parts.scheme
        and not parts.netloc
        and "\\" not in target
        and target.isascii()
        and target.isprintable()
        and " " not in target
        and not _is_open(parts.path)
        and parts.path != "/logout"
    )
    return target if is_ours else HOME


def _to_sign_in(request: Request) -> Response:
    address = "/login"
    if request.method in {"GET", "HEAD"}:
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target = local_path(quote(asked, safe="/?&=%:+,;@!$'()*-._~[]#"))
        if target != HOME:
            address = f"/login?next={quote(target, safe='/')}"
    return RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})


def _is_open(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in OPEN)
