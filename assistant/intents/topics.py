"""Owns the topics: what a message to the assistant can be about, and which of them one answer serves."""

from enum import StrEnum
from typing import NamedTuple


class Topic(StrEnum):
    """What a message is about. The first seventeen may concern something that is the matter now."""

    CALL_FAILS = "call-fails"
    """Calls with a key fail, and no status or code is said."""
    UNAUTHORIZED = "unauthorized"
    """401, or what an answer with 401 says: no key, an invalid, deleted or replaced one."""
    FORBIDDEN = "forbidden"
    """403: another agent, or past the gateway."""
    TOO_MANY_REQUESTS = "too-many-requests"
    """429: the rate limit, or the quota."""
    UNAVAILABLE = "unavailable"
    """503 and other faults of servers, time-outs, *are you down?*"""
    CANNOT_CREATE = "cannot-create"
    """A key can't be created: no slot, a name, an error."""
    NOT_ALLOWED = "not-allowed"
    """Something in the console is not allowed, greyed out or not to be seen for this person."""
    LOST_SECRET = "lost-secret"  # noqa: S105 - no password
    """The secret is lost, or can't be seen any more."""
    CHANGE_SCOPE = "change-scope"
    """An existing key is to be for something else."""
    EXPOSED_KEY = "exposed-key"
    """The secret got where it should not be, or a stranger uses it."""
    HISTORY = "history"
    """Who created, renamed, rotated or deleted it, and when."""
    USE = "use"
    """Whether, how much, by whom and from where a key is used; where to see that; what is left of the quota."""
    KEY_STATE = "key-state"
    """Whether a key is good, whose it is, how long the secret before works."""
    KEY_LIST = "key-list"
    """Which keys there are, and where they are listed."""
    HOW_SLOTS = "how-slots"
    """How many keys there may be, how many more, whether that can be raised."""
    HOW_ROLES = "how-roles"
    """Who may do what, who the admins are, how somebody gets a role."""
    EXPIRY = "expiry"
    """Whether and when keys expire."""

    HOW_CREATE = "how-create"
    HOW_CALL = "how-call"
    """How a key is sent: the header, an example."""
    HOW_RENAME = "how-rename"
    HOW_ROTATE = "how-rotate"
    HOW_DELETE = "how-delete"
    """How a key is deleted, stopped or brought back."""
    HOW_LIMITS = "how-limits"
    """What the rate limit and the quota are, how they are counted, whether they can be raised."""
    HOW_SCOPES = "how-scopes"
    """What the two scopes are, and which to choose."""
    DOCUMENTATION = "documentation"
    """Whatever else the documentation answers: gateways, verification, GraphQL, storage, operating."""

    HUMAN = "human"
    """The person wants one."""
    GREETING = "greeting"
    """Also thanks, farewells, and *what can you do?*"""
    OFF_TOPIC = "off-topic"
    """Other subjects and tenants, secrets, orders to change something, attempts to turn the assistant."""


class TopicScore(NamedTuple):
    """One thing that a message may be about, and how likely that is. Over all topics, the probabilities sum to 1."""

    topic: Topic
    probability: float


_SERVED_TOGETHER = (
    {Topic.CALL_FAILS, Topic.UNAUTHORIZED, Topic.KEY_STATE},
    {Topic.CANNOT_CREATE, Topic.HOW_CREATE},
)


def served_together(topic: Topic) -> frozenset[Topic]:
    """The topics that are always looked into alike, this one included: between them nothing need be asked."""
    return next((frozenset(group) for group in _SERVED_TOGETHER if topic in group), frozenset({topic}))
