"""Who may look: people, the links by which they choose a password, their sessions and tokens.

Limits    Of secrets only hashes are kept: of passwords by argon2id, of random ones their SHA-256.
"""
# ruff: noqa: D106 — peewee's Meta

from peewee import AutoField, BigIntegerField, BlobField, IntegerField, Model, TextField


class Person(Model):
    """One person.

    ``role``         as viewer.Role has it.
    ``domains``      of a customer, in small letters, with a space between two.
    ``password``     as argon2 writes it; empty until one was chosen.
    ``disabled_us``  0 while the person may sign in.
    """

    id = AutoField()
    name = TextField(unique=True)
    role = TextField()
    domains = TextField()
    password = TextField()
    zone = TextField()
    disabled_us = BigIntegerField()
    created_us = BigIntegerField()
    changed_us = BigIntegerField()


class SetupLink(Model):
    """The right to choose a person's password once; person_id 0: to become the first admin."""

    id = AutoField()
    secret_hash = BlobField(unique=True)
    person_id = IntegerField()
    expires_us = BigIntegerField()

    class Meta:
        table_name = "setup_link"


class WebSession(Model):
    """A browser that is signed in: ``key_hash`` of what its cookie says."""

    id = AutoField()
    key_hash = BlobField(unique=True)
    person_id = IntegerField(index=True)
    created_us = BigIntegerField()
    seen_us = BigIntegerField()
    expires_us = BigIntegerField()

    class Meta:
        table_name = "web_session"


class ApiToken(Model):
    """What a program of a person's shows instead of a password.

    ``key``      names it in public; ``secret_hash`` is of what only its owner knows.
    ``role``     as what it acts: its person's, or less.
    ``domains``  what it sees of that, as in Person; empty for all that its person sees.
    ``used_us``  0 until it is used; noted once a minute.
    """

    id = AutoField()
    key = TextField(unique=True)
    secret_hash = BlobField()
    person_id = IntegerField(index=True)
    name = TextField()
    role = TextField()
    domains = TextField()
    created_us = BigIntegerField()
    expires_us = BigIntegerField()
    used_us = BigIntegerField()

    class Meta:
        table_name = "api_token"
