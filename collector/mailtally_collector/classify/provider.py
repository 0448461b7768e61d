"""Who answered: the operator of the mailbox, and the filter in front of it.

Evidence  1. the relay's host name, 2. words in the reply, 3. the recipient's domain; each alone may
          be wrong, so a rule for a provider applies when any of the three names it.
Raises    RuleError naming file, line and key for a file that breaks its form.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from mailtally_collector.classify.reply import Reply
from mailtally_collector.classify.toml_entries import Entry, Placed, RuleError, read_entries

PROVIDERS_FILE = Path(__file__).with_name("providers.toml")


class ProviderEntry(Entry):
    """One ``[[provider]]``: ``mx`` and ``domains`` are names or their ends, in small letters."""

    title: str
    kind: Literal["mailbox", "filter"] = "mailbox"
    mx: list[str] = Field(default_factory=list)
    text: str = ""
    domains: list[str] = Field(default_factory=list)


class Evidence(NamedTuple):
    """Ids of the providers that the relay's name and the recipient's domain stand for, or ""."""

    relay: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Ids of who answered, empty when unknown; ``named`` holds all that the evidence names."""

    provider: str
    filter: str
    named: frozenset[str]


@dataclass(frozen=True, slots=True)
class Providers:
    """The known providers, ready to be looked up."""

    titles: Mapping[str, str]
    filters: frozenset[str]
    texts: tuple[tuple[str, re.Pattern[str]], ...]
    example_relays: Mapping[str, str]
    _relays: Mapping[str, str]
    _domains: Mapping[str, str]

    def evidence(self, relay_host: str, recipient_domain: str) -> Evidence:
        """Look up both names, in small letters; a domain that says what the relay says is none."""
        relay = _by_suffix(self._relays, relay_host)
        domain = _by_suffix(self._domains, recipient_domain)
        return Evidence(relay, "" if domain == relay else domain)

    def answerer(self, reply: Reply, evidence: Evidence, texts: Sequence[int]) -> Answerer:
        """Weigh the evidence; ``texts`` are the numbers of those ``texts`` that may match."""
        named = [evidence.relay]
        named += [self.texts[at][0] for at in texts if self.texts[at][1].search(reply.text)]
        named.append(evidence.domain)
        mailbox = next((name for name in named if name and name not in self.filters), "")
        in_front = next((name for name in named if name in self.filters), "")
        return Answerer(mailbox, in_front, frozenset(named) - {""})


def load_providers(path: Path = PROVIDERS_FILE) -> Providers:
    """Read every provider. Raises RuleError."""
    entries = read_entries(path, "provider", ProviderEntry)
    mistakes: list[str] = []
    texts = []
    for entry in entries:
        if entry.value.text:
            texts += [(entry.value.id, regex) for regex in _compile(entry, mistakes)]
    if mistakes:
        raise RuleError(mistakes)
    values = [entry.value for entry in entries]
    return Providers(
        titles={value.id: value.title for value in values},
        filters=frozenset(value.id for value in values if value.kind == "filter"),
        texts=tuple(texts),
        example_relays={value.id: "mx." + value.mx[0].strip(".") for value in values if value.mx},
        _relays={name.strip("."): value.id for value in values for name in value.mx},
        _domains={name: value.id for value in values for name in value.domains},
    )


def _compile(entry: Placed[ProviderEntry], mistakes: list[str]) -> list[re.Pattern[str]]:
    if entry.value.text != entry.value.text.lower() and re.search(
        r"(?<!\\)[A-Z]", entry.value.text
    ):
        mistakes.append(entry.mistake("text", "is matched against small letters: write it so"))
    try:
        return [re.compile(entry.value.text)]
    except re.error as error:
        mistakes.append(entry.mistake("text", f"is no expression: {error}"))
        return []


def _by_suffix(names: Mapping[str, str], host: str) -> str:
    """Look the host up, then the domain around it, and so on outwards; at most ten labels."""
    for _ in range(10):
        if not host or host in names:
            break
        host = host.partition(".")[2]
    return names.get(host, "")
