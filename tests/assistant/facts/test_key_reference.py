"""The key that a message means: by id, hint, name or words, by the open page, by the previous messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.facts.conversation_state import ConversationState
from assistant.facts.key_reference import KeyReference, meant, without_names
from assistant.intents.topics import Topic
from assistant.intents.understand import understand
from keys.token import hint_of
from models.engine.ids import Prefix, external_id
from models.key_queries import ApiKeyRecord
from tests.support.assistant.facts_fixtures import CRAWLER, key_record, tombstone

BILLING = key_record("billing-sync-prod")
MAIL_EU = key_record("mail eu")
MAIL_US = key_record("mail us", agent=CRAWLER)
DEPLOY = tombstone("deploy")
DEPLOY_TOO = key_record("Deploy staging")
ODD = key_record("the key")
KEYS = (BILLING, MAIL_EU, MAIL_US, DEPLOY, DEPLOY_TOO, ODD)


def named(text: str, state: ConversationState | None = None, looking_at: str | None = None) -> set[str]:
    """The names of the keys that are meant."""
    found = meant(text, understand(text), KEYS, looking_at=looking_at, state=state)
    return {record.name for record in KEYS if record.id in found.key_ids}


def of(topic: Topic, key: ApiKeyRecord | None, *offered: ApiKeyRecord) -> ConversationState:
    """The state of a conversation about these keys."""
    return ConversationState(topic, None if key is None else key.id, tuple(each.id for each in offered))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Why does billing-sync-prod get 401?", {"billing-sync-prod"}),
        ("the billing sync one is broken", {"billing-sync-prod"}),
        ("the biling sync key is broken", {"billing-sync-prod"}),
        ("BILLING-SYNC-PROD?", {"billing-sync-prod"}),
        ("mail eu gets 429", {"mail eu"}),
        ("is “mail us” good?", {"mail us"}),
        ("the mail key fails", {"mail eu", "mail us"}),
        ("who deleted deploy?", {"deploy"}),
        ("why does Deploy staging fail", {"Deploy staging"}),
        ("deploy-staging fails", {"Deploy staging"}),
        ("redeployed yesterday, now 401", set()),
        ("the key does not work", set()),
        ("does “the key” work?", {"the key"}),
        ("my calls get 401", set()),
        ("mail eu and mail us both fail", {"mail eu", "mail us"}),
        ("", set()),
    ],
)
def test_a_key_is_meant_by_its_name_or_most_of_its_words(text: str, names: set[str]) -> None:
    """With a typo in a long word; a word that every message has names no key, unless the whole name is quoted."""
    assert named(text) == names


def test_a_hint_or_id_says_exactly_which() -> None:
    """A hint or id counts more than a name beside it."""
    by_hint = f"{hint_of(MAIL_EU)} fails, and deploy too"
    by_id = f"what about {external_id(Prefix.API_KEY, DEPLOY.id)}"
    beginning = f"the key {hint_of(MAIL_US)[:8]}… fails"

    assert named(by_hint) == {"mail eu"}
    assert named(by_id) == {"deploy"}
    assert named(beginning) == {"mail us"}


@pytest.mark.parametrize("said", ["kd_ZZZZZZ…9999", external_id(Prefix.API_KEY, key_record("x").id)])
def test_a_hint_or_id_of_no_key_to_be_seen_is_said_so(said: str) -> None:
    """The message names a key, but none that the person may see."""
    found = meant(f"why does {said} fail?", understand(f"why does {said} fail?"), KEYS)

    assert found == KeyReference(unseen=said, is_named=True)


def test_what_is_named_counts_more_than_what_is_looked_at() -> None:
    """On one key's page, a person may name another; without a name, the question is about the page's key."""
    page = external_id(Prefix.API_KEY, DEPLOY.id)

    assert named("why does mail eu fail?", looking_at=page) == {"mail eu"}
    assert named("why does it fail?", looking_at=page) == {"deploy"}
    assert named("why does the mail key fail?", looking_at=page) == {"deploy"}
    assert meant("why?", understand("why?"), KEYS, looking_at="key_not_one").unseen == "key_not_one"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("and who did that?", {"mail us"}),
        ("since when?", {"mail us"}),
        ("how do I rotate it?", {"mail us"}),
        ("the other one", {"mail eu"}),
        ("and the other one?", {"mail eu"}),
        ("der andere", {"mail eu"}),
        ("the eu one", {"mail eu"}),
        ("eu", {"mail eu"}),
        ("How many API keys can we have in one organization?", set()),
    ],
)
def test_a_message_goes_on_about_what_was_spoken_of(text: str, names: set[str]) -> None:
    """The key of the last answer, the other of those it named, or none if the question is new."""
    assert named(text, of(Topic.CALL_FAILS, MAIL_US, MAIL_US, MAIL_EU)) == names


def test_what_may_not_be_seen_any_more_is_not_spoken_of() -> None:
    """Roles may change between two messages."""
    gone = key_record("gone")

    assert named("and who did that?", of(Topic.CALL_FAILS, gone, gone)) == set()
    assert named("the other one", of(Topic.CALL_FAILS, gone, gone)) == set()


@pytest.mark.parametrize(
    ("text", "is_only"),
    [
        ("deploy", True),
        ("the deploy key", True),
        ("it is mail eu", True),
        ("and what about mail eu?", True),
        (hint_of(BILLING), True),
        ("deploy fails", False),
        ("who deleted deploy?", False),
    ],
)
def test_a_message_may_say_no_more_than_which_key(text: str, is_only: bool) -> None:
    """Such a message answers *which key is it?*, with the topic of the earlier question."""
    assert meant(text, understand(text), KEYS).only_named is is_only


def test_names_are_taken_out_where_they_stand() -> None:
    """So that a key with the name *delete me* is not a request to delete it."""
    orders = key_record("delete all keys now")

    assert without_names("Why does “delete all keys now” fail?", [orders]).split() == ["Why", "does", "key", "fail?"]
    assert without_names("mail eu-west fails", [MAIL_EU]) == "mail eu-west fails"


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=64), max_size=5))
def test_anything_may_be_a_name_and_a_message(text: str, names: list[str]) -> None:
    """The result has only keys that the person may see, each once."""
    keys = [key_record(name) for name in names]

    found = meant(text, understand(text), keys).key_ids

    assert len(set(found)) == len(found)
    assert set(found) <= {each.id for each in keys}
