"""Tokens of programs in a chat: removed like keys, named for what they are, and named where they did something."""

import pytest

from tests.support.client import Client, Site
from tests.support.programs import program, stored_token

ASK = """
  mutation ($input: AskAssistantInput!) {
    askAssistant(input: $input) {
      ... on AssistantAnswer {
        reply { text diagnosis { case evidence { label value } } } conversation { messages { text } }
      }
    }
  }
"""


async def answer(client: Client, site: Site, message: str) -> dict[str, object]:
    asked = await client.graphql(ASK, input={"organizationId": site.organization("acme"), "message": message})
    found: dict[str, object] = asked.value
    return found


@pytest.mark.parametrize(
    ("which", "person", "said"),
    [
        ("admin token", "ada", "Find the token by its hint under Tokens, and revoke it"),
        ("admin token", "mel", "to revoke the service token, at once"),
        ("operator token", "ada", "keydesk token revoke"),
    ],
)
@pytest.mark.parametrize("text", ["I committed {} to GitHub, is that bad?", "We leaked {} by accident"])
async def test_a_token_that_got_out(site: Site, which: str, person: str, said: str, text: str) -> None:
    """The answer says who can revoke it, and where. The token itself is stored nowhere."""
    row, token = await stored_token(site, which)

    found = await answer(await site.person(person), site, text.format(token))

    assert said in found["reply"]["text"]  # type: ignore[index]
    assert found["reply"]["diagnosis"]["case"] == "KEY_EXPOSED"  # type: ignore[index]
    assert f"{row.prefix}_{row.public_id[:6]}…{row.last_four}" in str(found)
    assert token[-42:-4] not in str(found)


@pytest.mark.parametrize(
    ("which", "what"), [("admin token", "A service token was sent"), ("operator token", "An oper")]
)
async def test_a_token_in_place_of_a_key(site: Site, which: str, what: str) -> None:
    """Whoever gets 401 with it is told what it is."""
    _, token = await stored_token(site, which)

    found = await answer(await site.person("ada"), site, f"I get 401 with {token}")

    assert what in found["reply"]["text"]  # type: ignore[index]
    assert token[-42:-4] not in str(found)


async def test_who_did_it_may_be_a_token(site: Site) -> None:
    """A key that a program has made and deleted was not made by the operator."""
    bot, ada = await program(site, "admin token", name="deploy-bot"), await site.person("ada")
    created = await bot.create(site.organization("acme"), "pipeline")
    await bot.delete(created.value["apiKey"]["id"])

    found = await answer(ada, site, "Who created and who deleted the key pipeline?")
    shown = (
        await ada.graphql(
            "query ($id: ID!) { apiKey(id: $id) { createdBy { id } createdByToken deletedBy { id } deletedByToken } }",
            id=created.value["apiKey"]["id"],
        )
    ).value

    text = str(found["reply"]["text"])  # type: ignore[index]
    assert "created by the token “deploy-bot”" in text
    assert "deleted by the token “deploy-bot”" in text
    assert "operator" not in text
    assert shown == {
        "createdBy": None,
        "createdByToken": "deploy-bot",
        "deletedBy": None,
        "deletedByToken": "deploy-bot",
    }
