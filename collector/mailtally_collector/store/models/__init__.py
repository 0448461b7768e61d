"""The tables, as queries see them. Migrations create them; a test compares the two.

Limits    Models are bound to no database: each query names the connection that it runs on.
          Moments are integer microseconds. What a stranger can influence is BLOB, so that bytes
          which are not valid UTF-8, or NUL, are kept as they were. Rows name others by number, and
          no table has foreign keys: the writer sees to it, and partitions can be dropped.
Ids       Of messages: the hour of arrival, as it was known first, above 28 bits of a counter. They
          arrive in order, and all rows of a message lie near one another in every table.
"""

from peewee import Model

from mailtally_collector.store.models.control import (
    AgentReport,
    Audit,
    CollectionRequest,
    Control,
    Settings,
)
from mailtally_collector.store.models.hosts import (
    AckToken,
    Allotment,
    Gap,
    Instance,
    Quarantine,
    Server,
    Unsettled,
)
from mailtally_collector.store.models.identities import AgentCertificate, FormerName, Invitation
from mailtally_collector.store.models.jobs import Horizon, Job, NameUse, Retention, StaleServer
from mailtally_collector.store.models.messages import (
    Attempt,
    Delivery,
    Failure,
    Message,
    MessageEvent,
    MessageLink,
    MessageScore,
)
from mailtally_collector.store.models.names import (
    Address,
    Client,
    Domain,
    Provider,
    Relay,
    ReplyTemplate,
    Transport,
)
from mailtally_collector.store.models.people import ApiToken, Person, SetupLink, WebSession
from mailtally_collector.store.models.rollups import (
    DomainHour,
    DomainProviderDay,
    DomainReasonDay,
    MailboxDay,
    ProviderHour,
    ReasonHour,
    TrafficHour,
)

__all__ = [
    "TABLES",
    "AckToken",
    "Address",
    "AgentCertificate",
    "AgentReport",
    "Allotment",
    "ApiToken",
    "Attempt",
    "Audit",
    "Client",
    "CollectionRequest",
    "Control",
    "Delivery",
    "Domain",
    "DomainHour",
    "DomainProviderDay",
    "DomainReasonDay",
    "Failure",
    "FormerName",
    "Gap",
    "Horizon",
    "Instance",
    "Invitation",
    "Job",
    "MailboxDay",
    "Message",
    "MessageEvent",
    "MessageLink",
    "MessageScore",
    "NameUse",
    "Person",
    "Provider",
    "ProviderHour",
    "Quarantine",
    "ReasonHour",
    "Relay",
    "ReplyTemplate",
    "Retention",
    "Server",
    "Settings",
    "SetupLink",
    "StaleServer",
    "TrafficHour",
    "Transport",
    "Unsettled",
    "WebSession",
]

TABLES: tuple[type[Model], ...] = (
    Server,
    Instance,
    AckToken,
    Allotment,
    Quarantine,
    Gap,
    Unsettled,
    Provider,
    Domain,
    Address,
    Relay,
    Client,
    Transport,
    ReplyTemplate,
    Message,
    MessageScore,
    MessageEvent,
    MessageLink,
    Delivery,
    Attempt,
    Failure,
    TrafficHour,
    DomainHour,
    ReasonHour,
    ProviderHour,
    DomainReasonDay,
    DomainProviderDay,
    MailboxDay,
    Job,
    Retention,
    Horizon,
    NameUse,
    StaleServer,
    Control,
    Settings,
    CollectionRequest,
    AgentReport,
    Audit,
    Invitation,
    AgentCertificate,
    FormerName,
    Person,
    SetupLink,
    WebSession,
    ApiToken,
)
