"""What a person may see, and what a token of theirs may: never more.

Limits    Asked at every request, of what the database says then.
"""

from collections.abc import Iterable

from mailtally_collector.query.scope import Scope
from mailtally_collector.store.people import PersonRow
from mailtally_collector.store.sign_ins import TokenRow
from mailtally_collector.web.viewer import Role, Viewer

# From the least to the most.
RANKS = (Role.CUSTOMER, Role.SUPPORT, Role.ADMIN)
# Who comes without a token to a collector that lets them: over loopback, or with its certificate.
LOCAL = Viewer("local", Role.ADMIN, Scope.everything())


def viewer_of(person: PersonRow) -> Viewer:
    """Return the person as a viewer."""
    role = Role(person.role)
    return Viewer(person.name, role, _scope(role, person.domains), person.zone)


def token_viewer(person: PersonRow, token: TokenRow) -> Viewer:
    """Return the person as a token of theirs stands for them."""
    own = Role(person.role)
    role = min(own, Role(token.role), key=RANKS.index)
    domains = person.domains
    if own is not Role.CUSTOMER:
        domains = token.domains
    elif token.domains:
        domains = tuple(set(token.domains).intersection(person.domains))
    return Viewer(person.name, role, _scope(role, domains), person.zone)


def _scope(role: Role, domains: Iterable[str]) -> Scope:
    if role is not Role.CUSTOMER:
        return Scope.everything()
    return Scope.of(domain.encode("ascii") for domain in domains)
