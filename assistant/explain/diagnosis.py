"""Owns what a diagnosis is: one case, the facts that it rests on, what to do, and what could be offered beside it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from assistant.explain.suggestions import Suggestion
from models.key_queries import ApiKeyRecord


class Case(StrEnum):
    """What was found. One case, so that a client can branch on it."""

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
    """What a client can offer as a button. The assistant carries out none of it."""

    CREATE_API_KEY = "create-api-key"
    RENAME_API_KEY = "rename-api-key"
    ROTATE_API_KEY = "rotate-api-key"
    DELETE_API_KEY = "delete-api-key"
    OPEN_USAGE = "open-usage"
    CONTACT_SUPPORT = "contact-support"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was looked at, in a few words, and what was found; `at` is when it happened."""

    label: str
    value: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuggestedAction:
    """An action that this person may take."""

    kind: ActionKind
    label: str
    key: ApiKeyRecord | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """
    The verdict in one sentence, the evidence, the steps in order. Plain text throughout.

    `key` is there when the person may see it; `keys` are those that the evidence names beside it, in order. `sources`
    are paths of the documentation, with fragments.
    """

    case: Case
    summary: str
    evidence: tuple[Fact, ...] = ()
    steps: tuple[str, ...] = ()
    key: ApiKeyRecord | None = None
    offers: tuple[SuggestedAction, ...] = ()
    replies: tuple[Suggestion, ...] = ()
    sources: tuple[str, ...] = ()
    keys: tuple[UUID, ...] = ()
