"""Whose mail a caller may see: a required argument of every question.

Gives     ``Scope``, and the one condition that keeps mail of others out. What it lets through is
          what a message's envelope sender says, so that a message whose acceptance was not seen,
          and every notification (they have the null sender), is seen by nobody but who sees all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from peewee import ColumnBase

from mailtally_collector.store.models import Domain


@dataclass(frozen=True, slots=True)
class Scope:
    """Names of sender domains in small letters, in order; None stands for everything."""

    domains: tuple[bytes, ...] | None

    @classmethod
    def everything(cls) -> Scope:
        """See all mail."""
        return cls(None)

    @classmethod
    def of(cls, domains: Iterable[bytes]) -> Scope:
        """See mail of these domains only; without any, nothing. Raises ValueError for no name."""
        names = tuple(sorted({name.lower() for name in domains}))
        if b"" in names:
            raise ValueError("a scope names domains; the null sender belongs to none")
        return cls(names)

    @property
    def is_limited(self) -> bool:
        """Whether there may be mail that it does not see."""
        return self.domains is not None

    def sees(self, domain: bytes | None) -> bool:
        """Whether mail of this sender domain is seen; None for a sender that is not known."""
        return self.domains is None or domain in self.domains

    def conditions(self, sender_domain_id: Any) -> list[ColumnBase]:
        """Conditions on the column that holds the sender's domain; none for everything."""
        if self.domains is None:
            return []
        seen = Domain.select(Domain.id).where(Domain.name.in_(self.domains))
        return [sender_domain_id.in_(seen)]
