"""What the next message may refer back to: the second one, the last, the other."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.facts.conversation_state import ConversationState, chosen, from_json, to_json
from assistant.intents.topics import Topic

REPLIES = ("call-fails.key_01", "call-fails.key_02", "human")
OFFERED = ConversationState(Topic.CALL_FAILS, replies=REPLIES)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        *(("1", 0), ("the first", 0), ("first one", 0), ("The first one.", 0), ("option 1", 0), ("#1", 0)),
        *(("2", 1), ("the second one", 1), ("Second", 1), ("number two", 1), ("no. 2", 1), ("2nd", 1)),
        *(("3", 2), ("third", 2), ("the last one", 2), ("the latter", 2), ("last!", 2), ("the former", 0)),
        ("  the second  ", 1),
    ],
)
def test_an_ordinal_chooses_a_reply(said: str, place: int) -> None:
    """As if the person had clicked on the reply."""
    assert chosen(said, OFFERED) == REPLIES[place]


@pytest.mark.parametrize(
    "said", ["4", "the second key fails", "one of them", "2 keys fail", "firstly", "the other one", "401", ""]
)
def test_a_sentence_with_a_number_in_it_chooses_nothing(said: str) -> None:
    """It is a new question."""
    assert chosen(said, OFFERED) is None


@pytest.mark.parametrize(
    "state", [None, ConversationState(Topic.GREETING), ConversationState(Topic.USE, replies=REPLIES[:1])]
)
def test_nothing_is_chosen_of_what_was_not_offered(state: ConversationState | None) -> None:
    """The second of one, or of none, does not exist."""
    assert chosen("the second one", state) is None


STATES = st.builds(
    ConversationState,
    topic=st.sampled_from(Topic),
    key_id=st.none() | st.uuids(),
    offered=st.lists(st.uuids(), max_size=10).map(tuple),
    replies=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3).map(tuple),
    request_id=st.none() | st.just("req_1"),
)


@given(STATES)
def test_a_state_is_stored_whole(state: ConversationState) -> None:
    """It is read as it was written."""
    assert from_json(to_json(state)) == state


@pytest.mark.parametrize("kept", [None, "", "{}", '{"topic": "no longer one"}', '{"topic": 3}', "["])
def test_what_can_not_be_read_any_more_is_nothing(kept: str | None) -> None:
    """A conversation from before an update continues without its state."""
    assert from_json(kept) is None


def test_what_an_old_version_left_out_is_not_there() -> None:
    """A field that was added later has its default."""
    key_id = uuid4()

    assert from_json(f'{{"topic":"use","key_id":"{key_id}"}}') == ConversationState(Topic.USE, key_id)
