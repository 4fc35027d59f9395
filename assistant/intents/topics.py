"""The topics that a message to the assistant can be about, and which of them have the same answer."""

from enum import StrEnum
from typing import NamedTuple


class Topic(StrEnum):
    """What a message is about. The first seventeen may be about a problem that exists now."""

    CALL_FAILS = "call-fails"
    """Calls with a key fail, and the message names no status or code."""
    UNAUTHORIZED = "unauthorized"
    """401, or a reason for it: no key, an invalid, deleted or replaced one."""
    FORBIDDEN = "forbidden"
    """403: another agent, or a request that bypassed the gateway."""
    TOO_MANY_REQUESTS = "too-many-requests"
    """429: the rate limit, or the quota."""
    UNAVAILABLE = "unavailable"
    """503 and other server errors, time-outs, *are you down?*"""
    CANNOT_CREATE = "cannot-create"
    """A key can't be created: no slot, an invalid name, an error."""
    NOT_ALLOWED = "not-allowed"
    """Something in the console is not allowed, disabled or hidden for this person."""
    LOST_SECRET = "lost-secret"  # noqa: S105 - no password
    """The secret is lost, or can't be seen any more."""
    CHANGE_SCOPE = "change-scope"
    """The person wants to change the scope of an existing key."""
    EXPOSED_KEY = "exposed-key"
    """The secret was exposed, or a stranger uses it."""
    HISTORY = "history"
    """By whom and when a key was created, renamed, rotated or deleted."""
    USE = "use"
    """Whether, how much, by whom and from where a key is used; where to see that; the rest of the quota."""
    KEY_STATE = "key-state"
    """Whether a key works, whose it is, how long its previous secret works."""
    KEY_LIST = "key-list"
    """The list of keys, and where it is."""
    HOW_SLOTS = "how-slots"
    """How many keys are allowed, how many more can be created, whether the limit can be raised."""
    HOW_ROLES = "how-roles"
    """What roles may do, who the admins are, which role the person has."""
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
    """The rate limit and the quota, how they are counted, whether they can be raised."""
    HOW_SCOPES = "how-scopes"
    """The two scopes, and which one to choose."""
    HOW_INVITE = "how-invite"
    """How people are added, who may invite, open invitations, who is in the organization."""
    CHANGE_ROLE = "change-role"
    """A person wants another role, or wants to give somebody another role or other agents."""
    PERSON_LEAVES = "person-leaves"
    """What happens to the keys of people who leave, which secrets somebody was shown, how a person is removed."""
    SIGN_IN = "sign-in"
    """A person can't sign in, forgot or wants to change a password, or is locked out."""
    MAIL_MISSING = "mail-missing"
    """A mail, such as an invitation, did not come, or the link in it no longer works."""
    HOW_AGENTS = "how-agents"
    """How agents are created, renamed and deleted, which agents there are, who administers them."""
    DOCUMENTATION = "documentation"
    """Anything else that the documentation answers: gateways, verification, GraphQL, storage, operating."""

    HUMAN = "human"
    """The person wants to talk to a human."""
    GREETING = "greeting"
    """Greetings, thanks, farewells, and *what can you do?*"""
    OFF_TOPIC = "off-topic"
    """Other subjects or tenants, secrets, orders to change something, attempts to manipulate the assistant."""


class TopicScore(NamedTuple):
    """A topic and the probability that a message is about it. The probabilities of all topics sum to 1."""

    topic: Topic
    probability: float


_SERVED_TOGETHER = (
    {Topic.CALL_FAILS, Topic.UNAUTHORIZED, Topic.KEY_STATE},
    {Topic.CANNOT_CREATE, Topic.HOW_CREATE},
)


def served_together(topic: Topic) -> frozenset[Topic]:
    """The topics that have the same answer as this one, including it. The assistant need not ask which one is meant."""
    return next((frozenset(group) for group in _SERVED_TOGETHER if topic in group), frozenset({topic}))
