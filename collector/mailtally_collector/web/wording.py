"""Words of the rules in force, for templates: reasons, providers, and what a reply means."""

from collections.abc import Callable
from typing import Any

from mailtally_collector.classify.classify import Verdict
from mailtally_collector.classify.current_rules import CurrentRules
from mailtally_collector.query.reasons import CountedReply
from mailtally_collector.web.event_view import verdict_of_reply


class Wording:
    """Looks each word up when it is shown: rules may have changed since the last page."""

    def __init__(self, rules: CurrentRules) -> None:
        self._rules = rules

    def by_name(self) -> dict[str, Callable[..., Any]]:
        """The functions that templates call."""
        return {
            "worded_reply": self.worded_reply,
            "reason_title": self.reason_title,
            "provider_title": self.provider_title,
            "known_reasons": self.known_reasons,
            "known_providers": self.known_providers,
        }

    def worded_reply(self, reply: CountedReply) -> Verdict | None:
        """What a counted reply means; None when none was seen."""
        return verdict_of_reply(reply, self._rules.rules)

    def reason_title(self, reason: str) -> str:
        """A reason in words; its id when it is none of the taxonomy."""
        known = self._rules.rules.reasons.get(reason)
        return known.title if known else reason

    def provider_title(self, provider: str) -> str:
        """A provider's name; its id when it is in no list."""
        return self._rules.rules.providers.titles.get(provider, provider)

    def known_reasons(self) -> list[str]:
        """Ids of all reasons."""
        return sorted(self._rules.rules.reasons)

    def known_providers(self) -> list[str]:
        """Ids of all providers."""
        return sorted(self._rules.rules.providers.titles)
