"""The diagnosis: its case, its evidence, the steps to take, and the actions and questions to offer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from assistant.explain.suggestions import Suggestion
from assistant.language.text import Words
from models.key_queries import ApiKeyRecord


class Case(StrEnum):
    """The finding. A diagnosis has exactly one, so that clients can branch on it."""

    KEY_DELETED = "key-deleted"
    SECRET_REPLACED = "secret-replaced"  # noqa: S105 - no password
    KEY_UNKNOWN = "key-unknown"
    KEY_MALFORMED = "key-malformed"
    KEY_MISSING = "key-missing"
    AGENT_NOT_IN_SCOPE = "agent-not-in-scope"
    RATE_LIMITED = "rate-limited"
    QUOTA_EXCEEDED = "quota-exceeded"
    SERVICE_UNAVAILABLE = "service-unavailable"
    GATEWAY_NOT_ALLOWED = "gateway-not-allowed"
    KEY_LIMIT_REACHED = "key-limit-reached"
    ROLE_NOT_ALLOWED = "role-not-allowed"
    SECRET_LOST = "secret-lost"  # noqa: S105 - no password
    SCOPE_IMMUTABLE = "scope-immutable"
    KEY_WORKS = "key-works"
    NO_REQUESTS_SEEN = "no-requests-seen"
    KEY_EXPOSED = "key-exposed"
    HOW_TO = "how-to"
    HUMAN_REQUESTED = "human-requested"
    NEEDS_DETAILS = "needs-details"
    OFF_TOPIC = "off-topic"


class ActionKind(StrEnum):
    """An action that a client can offer as a button. The assistant never carries it out."""

    CREATE_API_KEY = "create-api-key"
    RENAME_API_KEY = "rename-api-key"
    ROTATE_API_KEY = "rotate-api-key"
    DELETE_API_KEY = "delete-api-key"
    OPEN_USAGE = "open-usage"
    CONTACT_SUPPORT = "contact-support"
    REQUEST_API_KEY = "request-api-key"
    INVITE_MEMBER = "invite-member"
    OPEN_PEOPLE = "open-people"
    OPEN_AGENTS = "open-agents"


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of evidence: the name of a record, and its value. `at` is when it happened."""

    label: Words
    value: Words
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuggestedAction:
    """An action that this person may take."""

    kind: ActionKind
    label: Words
    key: ApiKeyRecord | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """
    The finding in one or two sentences, its evidence, and the steps in order. Everything is plain text, which is
    rendered in the language of the answer when the answer is written.

    `key` is the key that the finding is about, if the person may see it. `keys` are other keys that the evidence names,
    in order. `sources` are paths of sections of the documentation. `reading` is the sentence that says how the question
    was read if it may be about something else: the answer is tentative then, and `replies` has the other readings.
    """

    case: Case
    summary: Words
    evidence: tuple[Fact, ...] = ()
    steps: tuple[Words, ...] = ()
    key: ApiKeyRecord | None = None
    offers: tuple[SuggestedAction, ...] = ()
    replies: tuple[Suggestion, ...] = ()
    sources: tuple[str, ...] = ()
    keys: tuple[UUID, ...] = ()
    reading: Words | None = None
