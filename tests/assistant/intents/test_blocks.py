"""Pasted blocks: told apart from what a person wrote."""

import numpy as np
import pytest

from assistant.intents import understand
from assistant.intents.blocks import BlockKind, blocks, prose_of, to_embed
from assistant.intents.encoder import embedding
from assistant.intents.normalize import plain, sentences
from assistant.intents.topics import Topic
from training.corpus import Said
from training.samples import sample


@pytest.mark.parametrize(
    ("pasted", "kind"),
    [
        ('curl -H "Authorization: Bearer $KEY" https://gw.example.com', BlockKind.COMMAND),
        ("$ docker run --env-file .env app", BlockKind.COMMAND),
        ("HTTP/1.1 401 Unauthorized\nContent-Type: application/json", BlockKind.HEADERS),
        ("> authorization: Bearer undefined\n< HTTP/2 401", BlockKind.HEADERS),
        ('Traceback (most recent call last):\n  File "a.py", line 3, in <module>', BlockKind.TRACEBACK),
        ("    at createError (node_modules/axios/lib/core/createError.js:16:15)", BlockKind.TRACEBACK),
        ("java.net.UnknownHostException: gw.exmaple.com", BlockKind.TRACEBACK),
        ("2026-03-02 02:00:11 ERROR upstream answered 401", BlockKind.LOG),
        ('level=error msg="request rejected" status=401', BlockKind.LOG),
        ("API_KEY=\nBASE_URL=https://gw.example.com", BlockKind.ENVIRONMENT),
        ('{"status": 401,\n"code": "missing_key"}', BlockKind.DATA),
        ("const res = await fetch(url, { headers });", BlockKind.CODE),
        ("```\nanything at all\n```", BlockKind.CODE),
        ("we get 401 since monday, who can help us?", BlockKind.PROSE),
        ("Hello: this is about the key of our shop. It fails.", BlockKind.PROSE),
        ("昨日から401になります。キーは変えていません。", BlockKind.PROSE),
        (
            "Since we moved to the new server it fails; nothing else was changed there (I asked everybody).",
            BlockKind.PROSE,
        ),
    ],
)
def test_a_block_is_told_apart_from_prose(pasted: str, kind: BlockKind) -> None:
    """Lines that programs wrote have their kind, and sentences of people are prose."""
    assert {each.kind for each in blocks(plain(pasted))} == {kind}


def test_prose_is_what_the_person_wrote() -> None:
    """Of a mixed message, the sentences before and after the block are left."""
    text = "Why does this fail?\n\nHTTP/1.1 401 Unauthorized\nServer: nginx\n\nIt worked on friday when I left."

    assert prose_of(plain(text)).split("\n") == ["Why does this fail?", "It worked on friday when I left."]


LONG = "Why does this fail since friday?\n" + "HTTP/1.1 401 Unauthorized\nServer: nginx\n" * 30
"""A message of which the end would be cut."""


def test_of_a_long_message_the_words_of_the_person_are_embedded() -> None:
    """What is pasted beside them is left out. A short message, and one that is only pasted, stays."""
    short = "Why?\nHTTP/1.1 401 Unauthorized"
    pasted = "HTTP/1.1 401 Unauthorized\n" * 60

    assert to_embed(plain(LONG)) == "Why does this fail since friday?"
    assert to_embed(plain(short)) == plain(short)
    assert to_embed(plain(pasted)) == sentences(plain(pasted))


def test_training_embeds_what_is_embedded_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a long message, where it is not the whole text."""
    embedded = []

    def noted(text: str) -> "np.ndarray":
        embedded.append(embedding(text))
        return embedded[-1]

    monkeypatch.setattr(understand, "embedding", noted)

    understand.understand(LONG)

    [in_use] = embedded
    in_training = sample(Said((Topic.UNAUTHORIZED,), "en", "test", LONG), 1.0).embedding
    assert in_training is not None
    assert np.array_equal(in_use, in_training)
