"""Ids of a host product, and what anybody may send instead of one."""

import secrets
import tracemalloc
from urllib.parse import quote

import pytest

from keys.host_ids import decoded_host_id, encoded_host_id, valid_host_id, valid_host_id_or_none
from keys.program_token import Kind
from keys.refusals import InvalidInput
from models.engine.columns import EXTERNAL_ID_LENGTH_AT_MOST
from resolvers.creation.client_requests import valid_request_id
from tests.support.programs import program_tokens

MIB = 1 << 20


@pytest.mark.parametrize("text", ["a" * EXTERNAL_ID_LENGTH_AT_MOST, "\U0001f511" * EXTERNAL_ID_LENGTH_AT_MOST, "none"])
def test_every_id_can_be_sent(text: str) -> None:
    """Also the longest one, of characters that take the most bytes."""
    assert decoded_host_id(encoded_host_id(text).encode()) == text
    assert decoded_host_id("".join(f"%{byte:02x}" for byte in text.encode()).encode()) == text


@pytest.mark.slow
def test_what_a_stranger_sends_is_not_kept() -> None:
    """No header takes memory after its request: not a long one, not one that is no id, and valid ones only a little."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(5000):
            assert decoded_host_id(b"%d" % number + 30_000 * b"a") is None
            assert decoded_host_id(b"%d" % number + 1_000 * b"a") is None
            assert decoded_host_id(b"%d" % number + 1_000 * b"%zz") is None
            assert decoded_host_id((quote(250 * "\U0001f511") + str(number)).encode()) is not None
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert kept < 6 * MIB


def test_random_ids_are_ids() -> None:
    """A host product may number its objects at random, and repeat a request under any id."""
    made = [make(length) for make in (secrets.token_urlsafe, secrets.token_hex) for length in (16, 32, 42, 48)]
    for text in made * 25:
        assert valid_host_id(text) == text
        if len(text) <= 64:
            assert valid_request_id(text) == text


@pytest.mark.parametrize("before", ["", "key ", "Bearer "])
def test_a_key_or_a_token_is_no_id(before: str) -> None:
    """The message does not repeat it, and speaks of ids."""
    for kind in Kind:
        token = program_tokens().make(kind).token.reveal()
        for text in (token, token.replace("kds_", "kd_").replace("kdo_", "acme1_")):
            with pytest.raises(InvalidInput, match="not an id: ids are stored") as refused:
                valid_host_id(before + text)
            assert text not in refused.value.message
            assert valid_host_id_or_none(before + text) is None
