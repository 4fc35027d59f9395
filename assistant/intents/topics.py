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


ASKING: dict[Topic, str] = {
    Topic.CALL_FAILS: "Why does my call fail?",
    Topic.UNAUTHORIZED: "Why do my calls get 401 Unauthorized?",
    Topic.FORBIDDEN: "Why do my calls get 403 Forbidden?",
    Topic.TOO_MANY_REQUESTS: "Why do my calls get 429 Too Many Requests?",
    Topic.UNAVAILABLE: "Why do my calls get 503 Service Unavailable?",
    Topic.CANNOT_CREATE: "Why can't I create a key?",
    Topic.NOT_ALLOWED: "Why am I not allowed to do that?",
    Topic.LOST_SECRET: "I lost the secret of a key. Can I see it again?",
    Topic.CHANGE_SCOPE: "Can I change the scope of a key?",
    Topic.EXPOSED_KEY: "My key was leaked. What should I do?",
    Topic.HISTORY: "Who changed or deleted the key, and when?",
    Topic.USE: "How much is the key used, and by whom?",
    Topic.KEY_STATE: "Does my key work?",
    Topic.KEY_LIST: "Which keys do we have?",
    Topic.HOW_CREATE: "How do I create a key?",
    Topic.HOW_CALL: "How do I send my key, in which header?",
    Topic.HOW_RENAME: "How do I rename a key?",
    Topic.HOW_ROTATE: "How do I rotate a key?",
    Topic.HOW_DELETE: "How do I delete a key?",
    Topic.HOW_LIMITS: "What are the rate limit and the quota of a key?",
    Topic.HOW_SLOTS: "How many keys can we have?",
    Topic.HOW_ROLES: "Which role may do what?",
    Topic.HOW_SCOPES: "What is the difference between organization-level and agent-level keys?",
    Topic.EXPIRY: "Do keys expire?",
    Topic.DOCUMENTATION: "Where is the documentation?",
    Topic.HUMAN: "I want to talk to a human.",
    Topic.GREETING: "What can you help me with?",
}
"""A sentence that asks for exactly this, to be suggested as a reply. Nobody is offered what is off topic."""
