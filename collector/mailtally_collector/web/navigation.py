"""Which pages a viewer is offered, and which filters are to be shown as chosen."""

from mailtally_collector.web.view import View
from mailtally_collector.web.viewer import Role, Viewer

EVERYBODY = tuple(Role)
STAFF = (Role.ADMIN, Role.SUPPORT)
# Name in texts/ and address, and who may see the page.
PAGES = (
    ("statistics", "/", EVERYBODY),
    ("domains", "/domains", EVERYBODY),
    ("mailboxes", "/mailboxes", EVERYBODY),
    ("messages", "/messages", EVERYBODY),
    ("servers", "/servers", STAFF),
    ("unknown", "/unknown", STAFF),
    ("settings", "/settings", (Role.ADMIN,)),
    ("people", "/people", (Role.ADMIN,)),
    ("audit", "/audit", (Role.ADMIN,)),
)
# Parameters that have no field of their own in the first row of the form.
MORE = (
    *("state", "provider", "reason", "code", "text", "to", "to_domain"),
    *("queue_id", "message_id", "unknown"),
)


def navigation(viewer: Viewer) -> list[tuple[str, str]]:
    """Names and addresses of the viewer's pages."""
    return [(name, address) for name, address, roles in PAGES if viewer.role in roles]


def may_see(viewer: Viewer, address: str) -> bool:
    """Whether the page of this address is one of the viewer's; addresses not listed are."""
    return all(
        viewer.role in roles
        for _, page, roles in PAGES
        if address == page or (page != "/" and address.startswith(f"{page}/"))
    )


def more_filters(view: View) -> list[tuple[str, str]]:
    """Chosen parameters beyond the first row, with their values."""
    return [(name, value) for name, value in view.params if name in MORE]
