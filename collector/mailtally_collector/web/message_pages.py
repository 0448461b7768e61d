"""Search of messages: a queue id, an address, a Message-ID, words of a reply; and their lives.

Trace     What names messages (queue id, Message-ID, recipient) finds them whenever they were, and
          shows their lives. Everything else lists recipients in the range of the view.
Audit     Who looked for what is written down: it is about other people's mail.
"""

from dataclasses import dataclass, replace

from peewee import Database
from starlette.requests import Request
from starlette.responses import Response

from mailtally_collector.query.event_keys import Order
from mailtally_collector.query.events import Page, list_events
from mailtally_collector.query.filters import QueryError
from mailtally_collector.query.scope import Scope
from mailtally_collector.query.trace import Sought, Traced, trace
from mailtally_collector.web.event_view import shown_events
from mailtally_collector.web.message_life import life_of
from mailtally_collector.web.site import asked_view, page, site_of, viewer_of
from mailtally_collector.web.view import SORTS, STATES, View

MESSAGES_SHOWN = 20
RECIPIENTS_SHOWN = 50
TRACED = ("queue_id", "message_id", "to")
LISTED = ("mailbox", "domain", "text", "to_domain", "code", "reason", "provider", "state")


@dataclass(frozen=True, slots=True)
class Found:
    """One of them, or none when nothing was asked."""

    traced: Traced | None = None
    listed: Page | None = None


def show_messages(request: Request) -> Response:
    """The form, and what it found."""
    site, viewer, view = site_of(request), viewer_of(request), asked_view(request)
    asked = [(name, value) for name, value in view.params if name in (*TRACED, *LISTED)]
    try:
        found = site.ask(_look, viewer.scope, view, site.clock()) if asked else Found()
    except QueryError as error:
        return page(request, "refused.html", 400, view=view, why=str(error))
    if asked:
        detail = " ".join(f"{name}={value}" for name, value in asked)
        site.note(viewer, "look-up", "messages", detail)
    rules, is_customer = site.rules.rules, not viewer.sees_fleet
    lives = [
        life_of(message, rules, is_customer=is_customer)
        for message in (found.traced.messages if found.traced else ())
    ]
    listed = found.listed.events if found.listed else ()
    return page(
        request,
        "messages.html",
        view=view,
        asked=bool(asked),
        is_cut=bool(found.traced and found.traced.is_cut),
        lives=lives,
        listed=found.listed,
        events=shown_events(listed, rules, is_customer=is_customer),
    )


def _look(database: Database, scope: Scope, view: View, now_us: int) -> Found:
    asked = view.settled(now_us)
    if not any(view.get(name) for name in LISTED):
        sought = Sought(asked.queue_id, asked.message_id, asked.recipient, asked.servers)
        return Found(traced=trace(database, scope, sought, MESSAGES_SHOWN))
    asked = replace(asked, states=asked.states or tuple(STATES.values()))
    order = Order(SORTS[view.sort], view.ascending)
    listed = list_events(
        *(database, scope, asked, order),
        token=view.after,
        size=RECIPIENTS_SHOWN,
        now_us=now_us,
    )
    return Found(listed=listed)
