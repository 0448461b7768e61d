"""Changes of people, each in a transaction that notes it in the audit.

Gives     Functions of an open transaction. Those that may be refused return why, as a name in
          texts/, and "" when it was done.
Rights    Nobody can take the last admin away, themselves neither: nobody could give it back but
          with the command on the collector.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailtally_collector.durations import DAY_US
from mailtally_collector.people.secret import hash_of, new_key, new_secret, token_text
from mailtally_collector.store import people
from mailtally_collector.store.audit import note
from mailtally_collector.store.people import PersonRow
from mailtally_collector.store.sign_ins import TokenRow, add_token, remove_token
from mailtally_collector.store.sql import Sql
from mailtally_collector.web.viewer import Role

LINK_US = DAY_US
ROLES = tuple(role.value for role in Role)


@dataclass(frozen=True, slots=True)
class By:
    """Who makes a change, and when."""

    who: str
    now_us: int


def first_link(sql: Sql, now_us: int) -> str | None:
    """Make the link by which the first admin comes: its secret; None when somebody is there.

    Its use is noted, not that it was made: collectors do that at each start.
    """
    if people.has_people(sql):
        return None
    return _link(sql, now_us, people.NOBODY)


def add(sql: Sql, by: By, name: str, role: str, domains: Sequence[str]) -> str | None:
    """Add a person: the secret of the link by which they choose a password; None: name taken."""
    person_id = people.add_person(sql, name, role, domains, by.now_us)
    if person_id is None:
        return None
    detail = f"role={role} domains={','.join(domains)}"
    note(sql, by.now_us, who=by.who, action="add-person", scope=name, detail=detail)
    return _link(sql, by.now_us, person_id)


def new_link(sql: Sql, by: By, name: str) -> str | None:
    """Make a link for a new password: its secret. The old password holds until it is used.

    None when there is no such person, or only a disabled one.
    """
    person = people.person_named(sql, name)
    if person is None or person.disabled_us:
        return None
    note(sql, by.now_us, who=by.who, action="make-setup-link", scope=name, detail="")
    return _link(sql, by.now_us, person.id)


def change(sql: Sql, by: By, name: str, role: str, domains: Sequence[str]) -> str:
    """Give a person another role or other domains."""
    person = people.person_named(sql, name)
    if person is None:
        return "people.gone"
    if role != Role.ADMIN.value and people.is_last_admin(sql, person.id):
        return "people.last_admin"
    people.change_person(sql, person.id, role, domains, by.now_us)
    detail = f"role={role} domains={','.join(domains)}"
    note(sql, by.now_us, who=by.who, action="change-person", scope=name, detail=detail)
    return ""


def disable(sql: Sql, by: By, name: str) -> str:
    """Let a person in no more; all that they have open ends."""
    person = people.person_named(sql, name)
    if person is None:
        return "people.gone"
    if people.is_last_admin(sql, person.id):
        return "people.last_admin"
    people.disable(sql, person.id, by.now_us)
    note(sql, by.now_us, who=by.who, action="disable-person", scope=name, detail="")
    return ""


def enable(sql: Sql, by: By, name: str) -> str:
    """Let a person in again."""
    person = people.person_named(sql, name)
    if person is None:
        return "people.gone"
    people.enable(sql, person.id, by.now_us)
    note(sql, by.now_us, who=by.who, action="enable-person", scope=name, detail="")
    return ""


def choose_password(sql: Sql, by: By, person: PersonRow, password: str) -> None:
    """Note the hash of a new password; every session of the person ends."""
    people.set_password(sql, person.id, password, by.now_us)
    note(sql, by.now_us, who=by.who, action="change-password", scope=person.name, detail="")


def use_link(
    sql: Sql, now_us: int, secret: str, first_name: str, password: str
) -> PersonRow | None:
    """Set the password of whose link it is; of the first admin with this name.

    None when the link is worth nothing any more.
    """
    person_id = people.use_link(sql, hash_of(secret), now_us)
    if person_id == people.NOBODY:
        person_id = people.add_person(sql, first_name, Role.ADMIN.value, (), now_us)
        note(sql, now_us, who=first_name, action="add-person", scope=first_name, detail="first")
    person = None if person_id is None else people.person_with(sql, person_id)
    if person is None or person.disabled_us:
        return None
    choose_password(sql, By(person.name, now_us), person, password)
    return person


def make_token(
    sql: Sql,
    now_us: int,
    person: PersonRow,
    *,
    name: str,
    role: str,
    domains: Sequence[str],
    days: int,
) -> str:
    """Make an API token: the text, which nobody can be shown again."""
    key, secret = new_key(), new_secret()
    until_us = now_us + days * DAY_US
    token = TokenRow(key, hash_of(secret), name, role, tuple(domains), now_us, until_us, 0)
    add_token(sql, person.id, token)
    detail = f"key={key} role={role} days={days} domains={','.join(domains)}"
    note(sql, now_us, who=person.name, action="make-token", scope=person.name, detail=detail)
    return token_text(key, secret)


def take_token(sql: Sql, now_us: int, person: PersonRow, key: str) -> None:
    """Take a token back."""
    if remove_token(sql, person.id, key):
        detail = f"key={key}"
        note(sql, now_us, who=person.name, action="remove-token", scope=person.name, detail=detail)


def _link(sql: Sql, now_us: int, person_id: int) -> str:
    secret = new_secret()
    people.make_link(sql, hash_of(secret), person_id, now_us + LINK_US)
    return secret
