"""A stand-in for sessions: the cookie says who looks. Signing in has tests of its own."""

from collections.abc import Callable
from dataclasses import replace

from starlette.applications import Starlette

from mailtally_collector.people.entrance import Entrance, SignedIn
from mailtally_collector.store.people import PersonRow
from mailtally_collector.web.doorkeeper import COOKIE
from mailtally_collector.web.viewer import Viewer


class Believing(Entrance):
    """Knows a viewer for what a cookie says."""

    viewer_named: Callable[[str], Viewer | None]

    def find(self, key: str) -> SignedIn | None:
        """Whoever that is."""
        viewer = self.viewer_named(key)
        if viewer is None:
            return None
        domains = tuple(name.decode() for name in viewer.scope.domains or ())
        person = PersonRow(1, viewer.name, viewer.role.value, domains, "", viewer.zone, 0, 1, 1)
        return SignedIn(person, viewer, b"")


def believe(app: Starlette, viewer_named: Callable[[str], Viewer | None]) -> None:
    """Let the application take cookies for what they say."""
    site = app.state.site
    entrance = Believing(site.database, site.transact, site.clock)
    entrance.viewer_named = viewer_named
    app.state.site = replace(site, entrance=entrance)


def cookie(name: str) -> tuple[bytes, bytes]:
    """The header of a request by that viewer."""
    return b"cookie", f"{COOKIE}={name}".encode()
