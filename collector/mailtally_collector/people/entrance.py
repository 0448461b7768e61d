"""Signing in and out with a browser, and whose browser a request came from.

Answers   A wrong name, a wrong password and a person who was disabled get the same answer after the
          same time.
Threads   Plain calls that block; for threads. Raises StoreUnavailableError and
          peewee.PeeweeException.
"""

from collections.abc import Callable
from dataclasses import dataclass

from peewee import Database

from mailtally_collector.people.password import hashed, is_outdated, matches
from mailtally_collector.people.rights import viewer_of
from mailtally_collector.people.secret import hash_of, new_secret
from mailtally_collector.people.throttle import Throttle
from mailtally_collector.store.audit import note
from mailtally_collector.store.dialect import sql_for
from mailtally_collector.store.people import PersonRow, person_named, renew_hash
from mailtally_collector.store.reading import answer
from mailtally_collector.store.sign_ins import (
    NOTED_US,
    end_session,
    note_seen,
    open_session,
    session_person,
)
from mailtally_collector.store.sql import Sql
from mailtally_collector.store.transact import Transact
from mailtally_collector.web.viewer import Viewer


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser that is signed in: its person, and the hash of its key."""

    person: PersonRow
    viewer: Viewer
    key_hash: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Not let in; ``wait_us`` is 0 for a wrong name or password."""

    wait_us: int


class Entrance:
    """Reads on ``reader``, writes by ``transact``; ``clock`` gives microseconds."""

    def __init__(self, reader: Database, transact: Transact, clock: Callable[[], int]) -> None:
        self._reader = reader
        self._transact = transact
        self._clock = clock
        self._throttle = Throttle(clock)

    def sign_in(self, name: str, password: str, address: str, old_key: str) -> str | Refused:
        """Let somebody in: the key for the cookie. ``old_key`` is worth nothing afterwards."""
        name = name.strip().lower()[:100]
        if wait_us := self._throttle.wait_us(name, address):
            return Refused(wait_us)
        sql = sql_for(self._reader)
        person = answer(self._reader, lambda: person_named(sql, name))
        is_right = matches(person.password if person else "", password)
        if person is None or not is_right or person.disabled_us:
            self._throttle.failed(name, address)
            # What was typed as a name may be a password.
            self._note(name if person else "unknown", "sign-in-failed", address)
            return Refused(0)
        self._throttle.succeeded(name, address)
        key = new_secret()
        renewed = hashed(password) if is_outdated(person.password) else ""
        let_in = person

        def work(sql: Sql) -> bool:
            now_us = self._clock()
            present = person_named(sql, name)
            if present is None or (present.password, present.disabled_us) != (let_in.password, 0):
                return False
            if old_key:
                end_session(sql, hash_of(old_key))
            if renewed:
                renew_hash(sql, let_in.id, let_in.password, renewed)
            open_session(sql, hash_of(key), let_in.id, now_us)
            note(sql, now_us, who=name, action="sign-in", scope="web", detail=f"from {address}")
            return True

        return key if self._transact(work) else Refused(0)

    def open_for(self, sql: Sql, person_id: int, now_us: int) -> str:
        """Sign in who has just chosen a password, in the transaction that is open: the key."""
        key = new_secret()
        open_session(sql, hash_of(key), person_id, now_us)
        return key

    def confirms(self, person: PersonRow, password: str, address: str) -> bool:
        """Whether somebody who is signed in knows their password; failures count as above."""
        if self._throttle.wait_us(person.name, address) or not matches(person.password, password):
            self._throttle.failed(person.name, address)
            return False
        return True

    def find(self, key: str) -> SignedIn | None:
        """Whose browser has this key; None when nobody's, or no longer."""
        if not key:
            return None
        sql, key_hash, now_us = sql_for(self._reader), hash_of(key), self._clock()
        found = answer(self._reader, lambda: session_person(sql, key_hash, now_us))
        if found is None:
            return None
        person, seen_us = found
        if now_us - seen_us >= NOTED_US:
            self._transact(lambda sql: note_seen(sql, key_hash, now_us))
        return SignedIn(person, viewer_of(person), key_hash)

    def sign_out(self, signed_in: SignedIn) -> None:
        """End this browser's session."""

        def work(sql: Sql) -> None:
            end_session(sql, signed_in.key_hash)
            name = signed_in.person.name
            note(sql, self._clock(), who=name, action="sign-out", scope="web", detail="")

        self._transact(work)

    def _note(self, who: str, action: str, address: str) -> None:
        now_us = self._clock()
        self._transact(
            lambda sql: note(
                sql, now_us, who=who, action=action, scope="web", detail=f"from {address}"
            )
        )
