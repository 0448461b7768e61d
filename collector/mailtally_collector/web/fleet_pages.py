"""Pages for those who run the fleet: unknown replies, and the audit."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mailtally_collector.classify.draft_rule import draft_rule
from mailtally_collector.query.audit import list_audit
from mailtally_collector.query.filters import QueryError, select
from mailtally_collector.query.unknown import UnknownReply, unknown_replies
from mailtally_collector.web.site import asked_view, page, site_of, viewer_of

REPLIES_SHOWN = 50
ENTRIES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Drafted:
    """A reply that no rule knows, and the beginning of a rule in TOML."""

    reply: UnknownReply
    rule: str


def show_unknown(request: Request) -> Response:
    """Replies that no rule knows, with drafts of rules."""
    site, viewer, view = site_of(request), viewer_of(request), asked_view(request)
    now_us = site.clock()
    try:
        selection = select(view.settled(now_us), now_us)
        replies, total = site.ask(unknown_replies, viewer.scope, selection, REPLIES_SHOWN)
    except QueryError as error:
        return page(request, "refused.html", 400, view=view, why=str(error))
    return page(
        request,
        "unknown.html",
        view=view,
        drafts=list(_drafted(replies)),
        total=total,
        mistakes=site.rules.mistakes,
    )


def show_audit(request: Request) -> Response:
    """Who changed or looked for what."""
    site, view = site_of(request), asked_view(request)
    viewer_of(request)
    try:
        entries, following = site.ask_sql(list_audit, ENTRIES_SHOWN, view.after)
    except QueryError as error:
        return page(request, "refused.html", 400, view=view, why=str(error))
    return page(request, "audit.html", view=view, entries=entries, following=following)


def _drafted(replies: list[UnknownReply]) -> Iterator[Drafted]:
    for reply in replies:
        template, sample = (
            text.decode("utf-8", "backslashreplace") for text in (reply.template, reply.sample)
        )
        yield Drafted(reply, draft_rule(template, sample, reply.filter or reply.provider))
