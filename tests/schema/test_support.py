"""The assistant over GraphQL: its fields, its streams, and who can see what."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import update

from assistant.language.languages import LANGUAGES
from assistant.reply.render import IN_ENGLISH
from models import Conversation, Message
from models.engine.ids import Prefix, external_id, new_id
from tests.conftest import Clock
from tests.support.assistant.client import (
    CONTACT,
    CONVERSATION,
    CONVERSATIONS,
    DIAGNOSE,
    RATE,
    Person,
    events_told,
    person,
)
from tests.support.assistant.conversations import answered, asked, begun
from tests.support.client import NOBODY, Site
from tests.support.http.sse_listener import COMPLETE

WHY = "Why do I get a 401?"
NEVER = {prefix: external_id(prefix, new_id()) for prefix in Prefix}


async def deleted_key(site: Site) -> dict[str, Any]:
    """A key of Acme that Ada has deleted."""
    ada = await site.person("ada")
    issued = (await ada.create(site.organization("acme"), "deploy")).value
    await ada.delete(issued["apiKey"]["id"])
    return {"id": issued["apiKey"]["id"], "secret": issued["secret"]}


async def test_a_question_has_an_answer(site: Site) -> None:
    """The answer has its case, evidence, citations and replies, and the conversation that it began."""
    key, ada = await deleted_key(site), await person(site, "ada")

    told = await ada.told("Why does deploy get a 401?")
    message, diagnosis = told["message"], told["message"]["diagnosis"]

    assert told["conversation"]["title"] == "Why does deploy get a 401?"
    assert (message["author"], message["helpful"]) == ("ASSISTANT", None)
    assert message["id"].startswith("msg_")
    assert (diagnosis["case"], diagnosis["apiKey"]) == ("KEY_DELETED", {"id": key["id"], "name": "deploy"})
    assert any("Ada" in fact["value"] for fact in diagnosis["evidence"])
    assert diagnosis["summary"] in message["text"].replace("\\", "")
    assert all(citation["url"].startswith("/docs") for citation in message["citations"])
    assert len(message["suggestedReplies"]) <= 3


async def test_an_answer_to_another_language_says_that_it_is_in_english(site: Site) -> None:
    """The note about the language is a field of its own, and also the beginning of the text."""
    ada = await person(site, "ada")

    polish = (await ada.told("Dlaczego mój klucz nie jest ważny?"))["message"]
    english = (await ada.told(WHY))["message"]

    assert polish["languageNote"] == IN_ENGLISH["other"]
    assert polish["text"].startswith(f"{IN_ENGLISH['other']}\n\n")
    assert english["languageNote"] is None
    assert polish["language"] == english["language"] == "en"


async def test_an_answer_is_in_the_language_that_was_chosen_or_asked_in(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which; a tag that is none is refused before anything is stored."""
    monkeypatch.setattr("assistant.language.languages.COMPLETE", frozenset(LANGUAGES))
    ada = await person(site, "ada")

    asked_in = (await ada.told("Warum bekomme ich einen 401?"))["message"]
    chosen = (await ada.told(WHY, language="pt-PT"))["message"]
    unknown = (await ada.told(WHY, language="pl"))["message"]
    refused = await ada.ask(WHY, language="no tag")

    assert [each["language"] for each in (asked_in, chosen, unknown)] == ["de", "pt-BR", "en"]
    assert {each["languageNote"] for each in (asked_in, chosen, unknown)} == {None}
    assert refused.outcome == "InvalidInput(language)"


async def test_a_diagnosis_and_starters_are_in_the_language_that_is_asked_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case is the same in each."""
    monkeypatch.setattr("assistant.language.languages.COMPLETE", frozenset(LANGUAGES))
    ada = await person(site, "ada")
    organization = site.organization("acme")
    diagnose = (
        "query ($o: ID!, $r: ID!, $l: String) { diagnoseRequest(organizationId: $o, requestId: $r, language: $l) "
        "{ case } }"
    )
    begin = "query ($o: ID!, $l: String) { organization(id: $o) { assistantStarters(language: $l) { id } } }"

    languages = (None, "ja", "xx")
    found = [
        (await ada.client.graphql(diagnose, o=organization, r=NEVER[Prefix.REQUEST], l=each)).value["case"]
        for each in languages
    ]
    starters = [
        (await ada.client.graphql(begin, o=organization, l=each)).value["assistantStarters"] for each in languages
    ]

    assert found == ["NEEDS_DETAILS"] * 3
    assert starters[0] == starters[1] == starters[2] != []


async def test_what_is_cited_is_there(site: Site) -> None:
    """Every page and every heading that an answer cites exists."""
    ada = await person(site, "ada")

    for message in (WHY, "How do I rotate a key?", "Do keys expire?", "I want to talk to a human"):
        for citation in (await ada.told(message))["message"]["citations"]:
            page = await ada.client.http.get(citation["url"].split("#")[0])
            assert page.status_code == 200, citation
            _, _, fragment = citation["url"].partition("#")
            assert not fragment or f'id="{fragment}"' in page.text


async def test_a_stream_is_the_same_answer(site: Site) -> None:
    """The chunks together are the stored answer's text."""
    ada = await person(site, "ada")

    *chunks, given = events_told(await ada.listen("Who may create keys?").end())
    [question, kept] = await ada.history(given["conversation"]["id"])

    assert 1 < len(chunks) <= 8
    assert {chunk["__typename"] for chunk in chunks} == {"AssistantTextChunk"}
    assert {chunk["conversationId"] for chunk in chunks} == {given["conversation"]["id"]}
    assert "".join(chunk["text"] for chunk in chunks) == given["message"]["text"]
    assert (given["__typename"], given["message"]) == ("AssistantAnswer", kept)
    assert (question["author"], question["text"]) == ("PERSON", "Who may create keys?")


async def test_a_stream_again_is_the_answer_again(site: Site) -> None:
    """With the same client message id, stream and mutation return the one stored answer."""
    ada = await person(site, "ada")

    first = events_told(await ada.listen(WHY, clientMessageId="one").end())
    again = events_told(await ada.listen(WHY, clientMessageId="one").end())
    asked_again = await ada.told(WHY, clientMessageId="one")

    assert again[-1] == first[-1]
    assert "".join(chunk["text"] for chunk in again[:-1]) == first[-1]["message"]["text"]
    assert asked_again["message"] == first[-1]["message"]
    assert len(await ada.history(asked_again["conversation"]["id"])) == 2


async def test_a_stream_that_is_left_is_dropped(site: Site) -> None:
    """After a stream is closed early, its question stays without an answer, and the next one is answered at once."""
    ada = await person(site, "ada")
    left = ada.listen(WHY, requestId=NEVER[Prefix.REQUEST], clientMessageId="one")
    while not (listed := (await conversations(ada))):  # noqa: ASYNC110 - the application's own work
        await asyncio.sleep(0.01)
    left.hang_up()
    await left.end()

    before = await ada.history(listed[0]["id"])
    other = await ada.told("Do keys expire?")
    again = await ada.told(WHY, requestId=NEVER[Prefix.REQUEST], clientMessageId="one")

    assert [message["author"] for message in before] == ["PERSON"]
    assert COMPLETE not in left.events
    assert other["message"]["diagnosis"]["case"] == "HOW_TO"
    assert again["conversation"]["id"] == listed[0]["id"]
    assert [message["author"] for message in await ada.history(listed[0]["id"])] == ["PERSON", "ASSISTANT"]


async def conversations(who: Person, organization: str = "acme", **arguments: Any) -> list[dict[str, Any]]:
    """The person's conversations in the organization."""
    organization_id = who.site.organization(organization)
    answer = await who.client.graphql(CONVERSATIONS, id=organization_id, **arguments)
    found: list[dict[str, Any]] = answer.value["conversations"]
    return found


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"message": ""}, "message"),
        ({"message": "\n \t"}, "message"),
        ({"message": "a" * 4001}, "message"),
        ({"conversationId": NEVER[Prefix.CONVERSATION]}, "conversationId"),
        ({"conversationId": "the last one"}, "conversationId"),
    ],
    ids=["empty", "blank", "too long", "no such conversation", "no id"],
)
async def test_what_is_wrong_is_told_by_its_field(site: Site, changed: dict[str, Any], field: str) -> None:
    """Mutation and stream give the same refusal, and nothing is stored."""
    ada = await person(site, "ada")

    refused = (await ada.ask(**changed)).value
    events = events_told(await ada.listen(**changed).end())

    assert (refused["__typename"], refused["field"]) == ("InvalidInput", field)
    assert events == [refused]
    assert await conversations(ada) == []


@pytest.mark.parametrize("organization", ["globex", "never"])
async def test_another_organization_is_none(site: Site, organization: str) -> None:
    """Another organization and one that never existed are NOT_FOUND for every operation."""
    ada = await person(site, "ada")
    there = site.organization(organization)

    asked_there = await ada.ask(WHY, organization=organization)
    [streamed, complete] = await ada.listen(WHY, organization=organization).end()
    diagnosed = await ada.client.graphql(DIAGNOSE, organizationId=there, requestId=NEVER[Prefix.REQUEST])
    contacted = await ada.client.graphql(CONTACT, organizationId=there)

    assert (asked_there.outcome, contacted.outcome, diagnosed.codes) == ("NOT_FOUND", "NOT_FOUND", ["NOT_FOUND"])
    assert (streamed.codes, complete) == (["NOT_FOUND"], COMPLETE)
    assert {asked_there.body["errors"][0]["message"], diagnosed.body["errors"][0]["message"]} == {
        streamed.data["errors"][0]["message"]
    }


async def test_the_signed_out_ask_nothing(site: Site) -> None:
    """Every operation of the assistant requires sign-in."""
    nobody = await person(site, NOBODY)

    codes = [
        (await nobody.ask()).codes,
        (await nobody.listen().end())[0].codes,
        (await nobody.client.graphql(CONVERSATION, id=NEVER[Prefix.CONVERSATION])).codes,
        (await nobody.client.graphql(RATE, id=NEVER[Prefix.MESSAGE], helpful=True)).codes,
        (await nobody.client.graphql(CONTACT, organizationId=site.organization("acme"))).codes,
    ]

    assert codes == [["UNAUTHENTICATED"]] * 5


async def test_too_many_questions_are_refused_with_a_time(site: Site, clock: Clock) -> None:
    """The twenty-first question within a minute is refused with a wait, as a mutation and as a stream."""
    ada = await person(site, "ada")
    for number in range(20):
        await ada.told(f"Do keys expire? {number}")

    refused = await ada.ask()
    [streamed, complete] = await ada.listen().end()
    clock.advance(seconds=refused.body["errors"][0]["extensions"]["retryAfterSeconds"])
    later = await ada.told()

    assert (refused.outcome, streamed.codes, complete) == ("RATE_LIMITED", ["RATE_LIMITED"], COMPLETE)
    assert refused.body["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 60}
    assert streamed.data["errors"][0]["extensions"]["retryAfterSeconds"] == 60
    assert later["message"]["text"]


async def test_two_in_one_document_are_one_after_the_other(site: Site) -> None:
    """The mutations of a document run one after the other, so both are answered."""
    ada = await person(site, "ada")
    field = "askAssistant(input: $input) { __typename }"
    document = f"mutation ($input: AskAssistantInput!) {{ a: {field} b: {field} }}"

    answer = await ada.client.graphql(document, input=ada.asking(WHY))

    assert [value["__typename"] for value in answer.data.values()] == ["AssistantAnswer"] * 2


async def test_history_has_pages(site: Site) -> None:
    """Conversations come newest first, messages oldest first, in pages before a given one."""
    ada = await person(site, "ada")
    ids = [(await ada.told(f"Do keys expire? {number}"))["conversation"]["id"] for number in range(3)]
    for number in range(2):
        await ada.told(f"And {number}?", conversationId=ids[0])

    everything = await ada.history(ids[0])
    last_two = await ada.history(ids[0], last=2)
    before_these = await ada.history(ids[0], last=2, before=last_two[0]["id"])

    assert [each["id"] for each in await conversations(ada)] == ids[::-1]
    assert [each["id"] for each in await conversations(ada, first=1, before=ids[2])] == [ids[1]]
    assert [each["text"] for each in everything if each["author"] == "PERSON"] == [
        "Do keys expire? 0",
        "And 0?",
        "And 1?",
    ]
    assert [*before_these, *last_two] == everything[-4:]


@pytest.mark.parametrize("wrong", [{"last": 0}, {"last": 101}, {"before": "msg_1"}, {"before": NEVER[Prefix.API_KEY]}])
async def test_pages_have_bounds(site: Site, wrong: dict[str, Any]) -> None:
    """Invalid page sizes and cursors are BAD_USER_INPUT."""
    ada = await person(site, "ada")
    conversation = (await ada.told())["conversation"]["id"]

    answer = await ada.client.graphql(CONVERSATION, id=conversation, **wrong)
    listed = await ada.client.graphql(
        CONVERSATIONS,
        id=site.organization("acme"),
        **{"first" if name == "last" else name: value for name, value in wrong.items()},
    )

    assert answer.codes == listed.codes == ["BAD_USER_INPUT"]


async def test_a_conversation_is_nobody_elses(site: Site) -> None:
    """Even an organization admin can't read, list, continue, rate or hand over another person's conversation."""
    mel, ada = await person(site, "mel"), await person(site, "ada")
    told = await mel.told()
    conversation_id, message_id = told["conversation"]["id"], told["message"]["id"]

    read = await ada.client.graphql(CONVERSATION, id=conversation_id)
    rated = await ada.client.graphql(RATE, id=message_id, helpful=False)
    gone_on = await ada.ask(conversationId=conversation_id)
    contacted = await ada.client.graphql(
        CONTACT, organizationId=site.organization("acme"), conversationId=conversation_id
    )

    assert (read.outcome, rated.outcome) == ("null", "null")
    assert gone_on.outcome == contacted.outcome == "InvalidInput(conversationId)"
    assert await conversations(ada) == []
    assert (await mel.history(conversation_id))[1]["helpful"] is None


async def test_a_conversation_is_of_its_organization(site: Site) -> None:
    """A person in two organizations has separate conversations in each."""
    grace = await person(site, "grace")
    here, there = await grace.told(), await grace.told(organization="globex")

    elsewhere = await grace.ask(organization="globex", conversationId=here["conversation"]["id"])

    assert [each["id"] for each in await conversations(grace)] == [here["conversation"]["id"]]
    assert [each["id"] for each in await conversations(grace, "globex")] == [there["conversation"]["id"]]
    assert elsewhere.outcome == "InvalidInput(conversationId)"


async def test_an_answer_is_rated(site: Site) -> None:
    """A rating can be changed. A person's own question and a missing message can't be rated."""
    ada = await person(site, "ada")
    told = await ada.told()
    question, answer = await ada.history(told["conversation"]["id"])

    good = await ada.client.graphql(RATE, id=answer["id"], helpful=True)
    bad = await ada.client.graphql(RATE, id=answer["id"], helpful=False)
    others = [
        (await ada.client.graphql(RATE, id=each, helpful=True)).outcome
        for each in (question["id"], NEVER[Prefix.MESSAGE], "msg")
    ]

    assert (good.value["helpful"], bad.value["helpful"]) == (True, False)
    assert (await ada.history(told["conversation"]["id"]))[1]["helpful"] is False
    assert others == ["null", "null", "null"]


async def test_a_conversation_is_handed_over(site: Site) -> None:
    """The second call returns the first ticket, which the conversation also shows."""
    mel = await person(site, "mel")
    conversation_id = (await mel.told())["conversation"]["id"]
    here = {"organizationId": site.organization("acme"), "conversationId": conversation_id}

    ticket = (await mel.client.graphql(CONTACT, **here, note="It is urgent.")).value
    again = (await mel.client.graphql(CONTACT, **here)).value
    shown = (await mel.client.graphql(CONVERSATION, id=conversation_id)).value["ticket"]
    too_long = await mel.client.graphql(CONTACT, **here, note="a" * 2001)

    assert ticket["__typename"] == "SupportTicket"
    assert ticket["id"].startswith("tkt_")
    assert ticket == again == {"__typename": "SupportTicket", **shown}
    assert too_long.outcome == "InvalidInput(note)"


async def test_a_key_is_shown_to_who_may_see_it_now(site: Site) -> None:
    """A stored answer stays readable after its reader's role has changed, but no longer shows the key."""
    ada = await person(site, "ada")
    await deleted_key(site)
    told = await ada.told("Why does deploy get a 401?")
    grace = site.world.grace
    async with site.database.transaction() as session:
        await session.execute(update(Message).values(person_id=grace.id))
        await session.execute(update(Conversation).values(person_id=grace.id))

    [_, answer] = await (await person(site, "grace")).history(told["conversation"]["id"])

    assert told["message"]["diagnosis"]["apiKey"]["name"] == "deploy"
    assert answer["diagnosis"]["apiKey"] is None
    assert {action["apiKey"] and action["apiKey"]["id"] for action in answer["actions"]} <= {None}


async def test_an_answer_of_another_version_is_its_words(site: Site) -> None:
    """An answer in an unknown format is shown as text, without its diagnosis."""
    ada = await person(site, "ada")
    world = site.world
    conversation = await begun(site.database, world.acme, world.ada)
    for kept in ('{"case": "no-such-case", "summary": "x"}', "{}", "no JSON"):
        await answered(site.database, await asked(site.database, conversation), answer=kept)

    messages = await ada.history(external_id(Prefix.CONVERSATION, conversation.id))

    assert [(message["text"], message["diagnosis"]) for message in messages[1::2]] == [("It was deleted.", None)] * 3


async def test_a_conversation_from_before_suggestions_had_ids_goes_on(site: Site) -> None:
    """Its replies have an empty id, which may be sent along, and *the second one* still means the second reply."""
    ada = await person(site, "ada")
    world = site.world
    conversation = await begun(site.database, world.acme, world.ada)
    sentences = ["Why does my call fail?", "Do keys expire?"]
    replies = [{"label": "A label", "message": each} for each in sentences]
    kept = {"case": "needs-details", "summary": "Which?", "replies": replies}
    await answered(site.database, await asked(site.database, conversation), answer=json.dumps(kept))
    state = json.dumps({"topic": "greeting", "replies": sentences})
    async with site.database.transaction() as session:
        await session.execute(update(Conversation).values(subject=state))
    conversation_id = external_id(Prefix.CONVERSATION, conversation.id)

    shown = (await ada.history(conversation_id))[-1]["suggestedReplies"]
    clicked = await ada.told(shown[1]["message"], suggestionId=shown[1]["id"], conversationId=conversation_id)
    async with site.database.transaction() as session:
        await session.execute(update(Conversation).values(subject=state))
    chosen = await ada.told("the second one", conversationId=conversation_id)

    assert [(each["id"], each["message"]) for each in shown] == [("", each) for each in sentences]
    assert [each["message"]["citations"][0]["url"].rpartition("#")[2] for each in (clicked, chosen)] == [
        "no-expiry"
    ] * 2


@pytest.mark.slow
async def test_a_request_is_diagnosed(site: Site) -> None:
    """People who may see the key get its diagnosis. Others get the same answer as for an unknown id."""
    key = await deleted_key(site)
    request_id = (await site.verify(key["secret"])).json()["requestId"]
    malformed = (await site.verify("kd_short")).json()["requestId"]
    answers: dict[str, Any] = {}

    for name, organization in (("ada", "acme"), ("mel", "acme"), ("eve", "globex")):
        who = await site.person(name)
        for what, each in (("deleted", request_id), ("malformed", malformed), ("never", NEVER[Prefix.REQUEST])):
            asked_of = {"organizationId": site.organization(organization), "requestId": each}
            value = (await who.graphql(DIAGNOSE, **asked_of)).value
            answers[f"{name} {what}"] = (value["case"], repr(value).replace(each, "…"))

    assert answers["ada deleted"][0] == "KEY_DELETED"
    assert {answers[f"{name} malformed"][0] for name in ("ada", "mel", "eve")} == {"KEY_MALFORMED"}
    assert {answers[f"{name} never"][0] for name in ("ada", "mel", "eve")} == {"NEEDS_DETAILS"}
    assert answers["mel deleted"] == answers["mel never"]
    assert answers["eve deleted"] == answers["eve never"]


async def test_starters_are_what_is_the_matter(site: Site) -> None:
    """A suggestion can be sent as a message. It names a key only while that key has trouble."""
    ada = await person(site, "ada")
    calm = (await ada.client.graphql(CONVERSATIONS, id=site.organization("acme"))).value["assistantStarters"]
    key = await deleted_key(site)
    for _ in range(3):
        await site.verify(key["secret"])
    await site.app._metering.recorder.write()

    troubled = (await ada.client.graphql(CONVERSATIONS, id=site.organization("acme"))).value["assistantStarters"]
    told = await ada.told(troubled[0]["message"])

    assert "deploy" not in repr(calm)
    assert "deploy" in troubled[0]["message"]
    assert told["message"]["diagnosis"]["case"] == "KEY_DELETED"


async def test_a_stream_ends_with_the_session(site: Site) -> None:
    """Signing out ends the stream, and its answer is not stored."""
    ada = await person(site, "ada")
    stream = ada.listen(WHY, requestId=NEVER[Prefix.REQUEST])
    while not await conversations(ada):  # noqa: ASYNC110 - the application's own work
        await asyncio.sleep(0.01)

    await ada.client.graphql("mutation { signOut }")
    events = await stream.end()
    await ada.client.sign_in("ada@example.com")
    [conversation] = await conversations(ada)

    assert events[-2].codes == ["UNAUTHENTICATED"]
    assert [message["author"] for message in await ada.history(conversation["id"])] == ["PERSON"]
    assert (await ada.told("Do keys expire?"))["message"]["text"]


async def test_a_click_on_a_suggestion_says_what_is_asked_whatever_the_words_are(site: Site) -> None:
    """The id of a suggestion decides what is asked, for starters and for replies."""
    await deleted_key(site)
    ada = await person(site, "ada")
    starters = (await ada.client.graphql(CONVERSATIONS, id=site.organization("acme"))).value["assistantStarters"]

    begun_so = await ada.told("Läuft ein Schlüssel ab?", suggestionId="expiry")
    conversation_id = begun_so["conversation"]["id"]
    [reply] = begun_so["message"]["suggestedReplies"]
    clicked = await ada.told("??", suggestionId=reply["id"], conversationId=conversation_id)
    typed = await ada.told(reply["message"])

    assert all(each["id"] for each in starters)
    assert begun_so["message"]["diagnosis"]["case"] == "HOW_TO"
    assert begun_so["message"]["citations"][0]["url"].endswith("#no-expiry")
    assert clicked["message"]["diagnosis"]["summary"] == typed["message"]["diagnosis"]["summary"]


async def test_what_was_not_suggested_in_a_conversation_is_invalid_there(site: Site) -> None:
    """A new conversation begins with a starter only. Nothing is stored of what is refused."""
    ada = await person(site, "ada")
    conversation_id = (await ada.told("Do keys expire?"))["conversation"]["id"]

    refused = [
        (await ada.ask("?", suggestionId="how-slots", conversationId=conversation_id)).value,
        (await ada.ask("?", suggestionId="no such thing")).value,
        (await ada.ask("?", suggestionId="human")).value,
        (await ada.ask("?", suggestionId=f"call-fails.{NEVER[Prefix.API_KEY]}", conversationId=conversation_id)).value,
    ]

    assert {(each["__typename"], each["field"]) for each in refused} == {("InvalidInput", "suggestionId")}
    assert len(await ada.history(conversation_id)) == 2
    assert len(await conversations(ada)) == 1


async def test_a_click_on_a_key_that_is_not_to_be_seen_tells_nothing_of_it(site: Site) -> None:
    """Another organization's key and one that never existed get the same answer."""
    await deleted_key(site)
    ada, eve = await person(site, "ada"), await person(site, "eve")
    theirs = (await (await site.person("ada")).create(site.organization("acme"), "theirs")).value["apiKey"]["id"]
    assert (await ada.told("?", suggestionId=f"unauthorized.{theirs}"))["message"]["diagnosis"]["apiKey"][
        "id"
    ] == theirs

    told = [
        (await eve.told("?", suggestionId=f"unauthorized.{key_id}", organization="globex"))["message"]["text"]
        for key_id in (theirs, NEVER[Prefix.API_KEY])
    ]

    assert told[0].replace(theirs, "") == told[1].replace(NEVER[Prefix.API_KEY], "")
