"""Who may report under which name: invitations, certificates, and names that servers had."""
# ruff: noqa: D106 — peewee's Meta

from peewee import AutoField, BigIntegerField, BlobField, Model, TextField


class Invitation(Model):
    """The right to one certificate for a server; of its secret only the SHA-256 is kept.

    ``used_us``  0 until it is used.
    """

    id = AutoField()
    secret_hash = BlobField(unique=True)
    server = TextField()
    created_us = BigIntegerField()
    expires_us = BigIntegerField()
    used_us = BigIntegerField()


class AgentCertificate(Model):
    """A certificate that this collector issued, or of another authority once it was presented.

    ``fingerprint``  SHA-256 of the certificate.
    ``server``       the name for which it stands; a server that is renamed takes it along.
    ``revoked_us``   0 while it is good.
    """

    id = AutoField()
    fingerprint = BlobField(unique=True)
    server = TextField(index=True)
    issued_us = BigIntegerField()
    not_after_us = BigIntegerField()
    revoked_us = BigIntegerField()

    class Meta:
        table_name = "agent_certificate"


class FormerName(Model):
    """A name that a server had: what still comes under it belongs to that server."""

    name = TextField(primary_key=True)
    server = TextField()

    class Meta:
        table_name = "former_name"
