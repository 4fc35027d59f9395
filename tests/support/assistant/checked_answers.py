"""Asks the assistant as the console does, and checks each answer for promises that hold for any question."""

import re
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from sqlalchemy import Column, select, text
from sqlalchemy import Table as TableOfDatabase

from assistant.facts.documents import documents_in
from assistant.reply.render import in_one_line
from keys.token import hint_of
from models import metadata
from models.engine.ids import Prefix, external_id
from tests.support.assistant.worlds import Key, Made
from tests.support.client import Answer
from tests.support.documentation import ROOT

OF_CONVERSATIONS = ("answering", "pasted_keys", "tickets", "messages", "conversations")
"""The tables that a question may change, in an order in which their rows can be deleted."""
_KEPT_ASIDE = {*OF_CONVERSATIONS, "sign_in_sessions", "leases", "ledger_writers"}
PEOPLE_OF = {"acme": ("ada", "grace", "mel"), "globex": ("eve", "grace")}
DOCUMENTS = documents_in(ROOT / "docs")
_COMMONMARK = MarkdownIt("commonmark")
_CREATES = re.compile(r"\b(?:You can create|Create a new) key")
"""Advice that can be followed at once; *Then create*, after a slot was freed, is not."""

ASK = """
mutation ($input: AskAssistantInput!) {
  askAssistant(input: $input) {
    __typename
    ... on InvalidInput { field }
    ... on AssistantAnswer {
      conversation { id messages { author text diagnosis { case summary } } }
      message {
        id author text at helpful language
        diagnosis { case summary steps evidence { label value at } apiKey { id name } }
        citations { title url }
        actions { kind label apiKey { id name viewerCanManage } }
        suggestedReplies { id label message }
      }
    }
  }
}
"""

Table = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class AssistantReply:
    """An answer, with the question, the person who asked it and their organization."""

    made: Made
    person: str
    organization: str
    question: str
    message: dict[str, Any]
    conversation: dict[str, Any]

    @property
    def case(self) -> str:
        """The case of the diagnosis."""
        return str(self.diagnosis["case"])

    @property
    def diagnosis(self) -> dict[str, Any]:
        """The diagnosis with its evidence."""
        diagnosis: dict[str, Any] = self.message["diagnosis"]
        return diagnosis

    @property
    def kinds(self) -> list[str]:
        """The kinds of the buttons, in order."""
        return [each["kind"] for each in self.message["actions"]]

    @property
    def shown(self) -> str:
        """Everything in the answer that a person can see."""
        replies = [f"{each['label']} {each['message']}" for each in self.message["suggestedReplies"]]
        evidence = [f"{each['label']}: {each['value']} {each['at']}" for each in self.diagnosis["evidence"]]
        labels = [each["label"] for each in self.message["actions"]]
        found = [self.diagnosis["summary"], *self.diagnosis["steps"]]
        return "\n".join([read(self.message["text"]), *found, *evidence, *labels, *replies])


def read(markdown: str) -> str:
    """The text of CommonMark as a person reads it."""
    return "\n".join(
        "".join("\n" if each.type == "softbreak" else each.content for each in token.children or ())
        for token in _COMMONMARK.parse(markdown)
        if token.type == "inline"
    )


async def put(made: Made, person: str, message: str, organization: str = "acme", **more: str | None) -> Answer:
    """Sends the message, with its placeholders filled in. It is answered in English if nothing else is said."""
    client = await made.site.person(person)
    about = {"organizationId": made.site.organization(organization), "message": made.filled(message)}
    question = {"language": "en", **about, **more}
    return await client.graphql(ASK, input=question)


async def ask(made: Made, person: str, message: str, organization: str = "acme", **more: str | None) -> AssistantReply:
    """Sends the message, and returns the assistant's answer."""
    value = (await put(made, person, message, organization, **more)).value
    assert value["__typename"] == "AssistantAnswer", value
    return AssistantReply(
        made, person, organization, f"{made.filled(message)} {more}", value["message"], value["conversation"]
    )


async def forget(made: Made) -> None:
    """Deletes all conversations and resets the limit on questions."""
    made.site.app._assistant.messages._window._used.clear()  # the clock stands still: a minute never ends
    async with made.site.database.transaction() as session:
        for table in OF_CONVERSATIONS:
            await session.execute(text(f"DELETE FROM {table}"))


async def rest(made: Made) -> dict[str, Table]:
    """All rows that a question must not change. Who asks signs in first: that instant is left out."""
    async with made.site.database.reading() as session:
        return {
            table.name: sorted((tuple(row) for row in await session.execute(select(*_compared(table)))), key=repr)
            for table in metadata.sorted_tables
            if table.name not in _KEPT_ASIDE
        }


def _compared(table: TableOfDatabase) -> list[Column[Any]]:
    return [column for column in table.columns if column.name != "last_signed_in_at"]


def check(reply: AssistantReply) -> None:
    """Raises AssertionError if the answer breaks a promise that holds for every answer."""
    _check_written(reply)
    _check_kept(reply)
    _check_actions(reply)
    shown = reply.shown
    for secret in _secrets(reply.made):
        assert secret[-24:] not in f"{shown}\n{reply.conversation}"
    for hidden in _hidden(reply):
        assert hidden not in shown, f"{reply.person} was shown {hidden}"


def _check_written(reply: AssistantReply) -> None:
    """CommonMark whose only links are the citations, each of which opens a passage; no images and no HTML."""
    tokens = _COMMONMARK.parse(reply.message["text"])
    inline = [child for token in tokens for child in token.children or ()]
    assert not {each.type for each in (*tokens, *inline)} & {"html_block", "html_inline", "image", "code_block"}
    links = [str(each.attrs["href"]) for each in inline if each.type == "link_open"]
    assert links == [each["url"] for each in reply.message["citations"]]
    assert [DOCUMENTS.title(url) for url in links] == [each["title"] for each in reply.message["citations"]]
    assert in_one_line(reply.diagnosis["summary"]) in read(reply.message["text"])


def _check_kept(reply: AssistantReply) -> None:
    """The conversation has the redacted question, then the answer."""
    question, answer = reply.conversation["messages"][-2:]
    assert (question["author"], answer["author"]) == ("PERSON", "ASSISTANT")
    assert answer["text"] == reply.message["text"]
    assert answer["diagnosis"] == {key: reply.diagnosis[key] for key in ("case", "summary")}
    assert all(secret[-24:] not in question["text"] for secret in _secrets(reply.made))


def _check_actions(reply: AssistantReply) -> None:
    """Only actions that this person can take now, and at most three replies."""
    for action in reply.message["actions"]:
        match action["kind"]:
            case "DELETE_API_KEY" | "ROTATE_API_KEY" | "RENAME_API_KEY":
                assert action["apiKey"]["viewerCanManage"], action
            case "OPEN_USAGE":
                assert action["apiKey"] is not None
            case "INVITE_MEMBER" | "OPEN_PEOPLE" | "OPEN_AGENTS":
                assert reply.person in ("ada", "eve"), f"{reply.person} can't open it"
            case "CREATE_API_KEY":
                assert _can_create(reply), f"{reply.person} can't create a key"
    if not _can_create(reply):
        assert not any(_CREATES.search(step) for step in reply.diagnosis["steps"])
    replies = reply.message["suggestedReplies"]
    assert len({each["message"] for each in replies}) == len(replies) <= 3


def _can_create(reply: AssistantReply) -> bool:
    story = reply.made.story
    if reply.organization == "globex":
        return reply.person == "eve"
    living = sum(key.organization == "acme" and not _is_gone(reply.made, key) for key in story.keys)
    is_allowed = reply.person == "ada" or (reply.person == "grace" and "own" not in story.agents_deleted)
    return is_allowed and living < story.key_limit


def _is_gone(made: Made, key: Key) -> bool:
    return key.deleted is not None or key.agent in made.story.agents_deleted


def _secrets(made: Made) -> list[str]:
    return [each.secret.reveal() for issued in (made.first, made.last) for each in issued.values()]


def _may_see(reply: AssistantReply, key: Key) -> bool:
    if key.organization != reply.organization:
        return False
    return reply.person in ("ada", "eve") or (reply.person == "grace" and key.agent in ("own", "retired"))


def _hidden(reply: AssistantReply) -> list[str]:
    """Names, hints and ids that this person may not see, except those in their own question."""
    made, hidden = reply.made, list[str]()
    known = {each for key in made.story.keys if _may_see(reply, key) for each in key.user_agents}
    for key in made.story.keys:
        if _may_see(reply, key):
            continue
        record = made.last[key.name].record
        hidden += [f"“{key.name}”", f"{key.name}, kd_", external_id(Prefix.API_KEY, record.id)]
        if record.public_id not in reply.question:
            hidden += [hint_of(record), record.public_id]
        hidden += key.user_agents - known
    hidden += ["noa@", "Noa"]
    if reply.person not in ("ada", "mel"):
        hidden.append("mel@")
    if reply.person == "mel":
        hidden.append("grace@")
    if reply.person != "ada":
        hidden += [each.email for each in made.story.invitations if each.organization == "acme"]
    hidden += [each.email for each in made.story.invitations if each.organization != reply.organization]
    hidden += ["eve@", "Globex", "“Theirs”"] if reply.organization == "acme" else ["ada@", "Acme", "“Crawler”"]
    if reply.person == "mel":
        hidden += ["“Crawler”", "“Retired”"]
    if reply.person in ("mel", "grace"):
        hidden.append("“Biller”")
    return [each for each in hidden if each not in reply.question]
