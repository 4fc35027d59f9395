"""The assistant's GraphQL documents, and people who use it over HTTP and over server-sent events."""

from dataclasses import dataclass
from typing import Any

from tests.support.client import Client, Site
from tests.support.http.sse_listener import COMPLETE, Event, Listener

MESSAGE = """
fragment Told on Message {
  id author text at language languageNote helpful
  diagnosis { case summary evidence { label value at } steps apiKey { id name } }
  citations { title url }
  actions { kind label apiKey { id } }
  suggestedReplies { id label message }
}
"""
_GIVEN = "... on AssistantAnswer { conversation { id title startedAt } message { ...Told } }"
_INVALID = "... on InvalidInput { field why: message }"
ASK = (
    f"mutation ($input: AskAssistantInput!) {{ askAssistant(input: $input) {{ __typename {_GIVEN} {_INVALID} }} }}"
    + MESSAGE
)
LISTEN = (
    "subscription ($input: AskAssistantInput!) { assistantAnswer(input: $input) { __typename "
    f"... on AssistantTextChunk {{ conversationId text }} {_GIVEN} {_INVALID} }} }}" + MESSAGE
)
CONVERSATION = (
    """
query ($id: ID!, $last: Int! = 50, $before: ID) {
  conversation(id: $id) {
    id title startedAt ticket { id createdAt sentTo sentAt }
    messages(last: $last, before: $before) { ...Told }
  }
}
"""
    + MESSAGE
)
CONVERSATIONS = """
query ($id: ID!, $first: Int! = 20, $before: ID) {
  organization(id: $id) {
    conversations(first: $first, before: $before) { id title startedAt }
    assistantStarters { id label message }
  }
}
"""
DIAGNOSE = """
query ($organizationId: ID!, $requestId: ID!) {
  diagnoseRequest(organizationId: $organizationId, requestId: $requestId) {
    case summary evidence { label value at } steps apiKey { id name }
  }
}
"""
RATE = (
    "mutation ($id: ID!, $helpful: Boolean!) { rateMessage(messageId: $id, helpful: $helpful) { __typename ...Told } }"
    + MESSAGE
)
CONTACT = f"""
mutation ($organizationId: ID!, $conversationId: ID, $note: String) {{
  contactSupport(organizationId: $organizationId, conversationId: $conversationId, note: $note) {{
    __typename ... on SupportTicket {{ id createdAt sentTo sentAt }} {_INVALID}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person who asks, by default in Acme."""

    site: Site
    client: Client

    def asking(self, message: str = "Why do I get a 401?", **more: Any) -> dict[str, Any]:
        """The input of a question."""
        organization = more.pop("organization", "acme")
        return {"organizationId": self.site.organization(organization), "message": message, **more}

    async def ask(self, message: str = "Why do I get a 401?", **more: Any) -> Any:
        """The result of `askAssistant`: the answer, or why there is none."""
        return await self.client.graphql(ASK, input=self.asking(message, **more))

    async def told(self, message: str = "Why do I get a 401?", **more: Any) -> dict[str, Any]:
        """The message that answers the question."""
        answer: dict[str, Any] = (await self.ask(message, **more)).value
        assert answer["__typename"] == "AssistantAnswer", answer
        return answer

    def listen(self, message: str = "Why do I get a 401?", **more: Any) -> Listener:
        """Opens a stream with `assistantAnswer`."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.client.http.cookies.items())
        variables = {"input": self.asking(message, **more)}
        return Listener(self.site.app, LISTEN, headers=[(b"cookie", cookies.encode())], variables=variables)

    async def history(self, conversation_id: str, **arguments: Any) -> list[dict[str, Any]]:
        """The messages of a conversation."""
        answer = await self.client.graphql(CONVERSATION, id=conversation_id, **arguments)
        messages: list[dict[str, Any]] = answer.value["messages"]
        return messages


async def person(site: Site, name: str) -> Person:
    """Ada, Grace, Mel or Eve at the site."""
    return Person(site, await site.person(name))


def events_told(events: list[Event]) -> list[dict[str, Any]]:
    """The `assistantAnswer` data of a stream's events; the stream must be complete and without errors."""
    assert events[-1] == COMPLETE
    assert all(event.name == "next" and event.codes == [] for event in events[:-1]), events
    return [event.data["data"]["assistantAnswer"] for event in events[:-1]]
