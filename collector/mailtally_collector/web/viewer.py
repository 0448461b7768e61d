"""Who looks at a page: a name, what they may do, whose mail they see."""

from dataclasses import dataclass
from enum import Enum

from mailtally_collector.query.scope import Scope


class Role(Enum):
    """What a person may do."""

    ADMIN = "admin"
    """Everything, settings and people too."""
    SUPPORT = "support"
    """Read everything, and have agents collect."""
    CUSTOMER = "customer"
    """Read what concerns mail of their own domains."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """One person. ``zone`` is an IANA name; empty for none chosen."""

    name: str
    role: Role
    scope: Scope
    zone: str = ""

    @property
    def sees_fleet(self) -> bool:
        """Whether servers and mail of everybody are seen."""
        return not self.scope.is_limited

    @property
    def is_admin(self) -> bool:
        """Whether settings and people may be changed."""
        return self.role is Role.ADMIN
