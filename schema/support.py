"""GraphQL types of the support assistant: conversations, messages, diagnoses, and tickets."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from assistant.explain.diagnosis import ActionKind, Case
from assistant.language.languages import LANGUAGES
from assistant.reply.render import language_note
from assistant.reply.stored_answer import StoredAction, StoredAnswer, StoredCitation, StoredReply, read
from models.engine.ids import Prefix, external_id
from models.support.conversation import ConversationRecord
from models.support.message import Author, MessageRecord
from models.support.ticket import TicketRecord
from resolvers.conversations import before_id
from resolvers.usage import page_size
from schema.api_key import ApiKey, to_api_key
from schema.context import Info
from schema.interfaces import Node


@strawberry.enum(description="The finding of a diagnosis, for clients to branch on.")
class DiagnosisCase(Enum):
    KEY_DELETED = strawberry.enum_value(Case.KEY_DELETED, description="401: the key was deleted.")
    SECRET_REPLACED = strawberry.enum_value(
        Case.SECRET_REPLACED, description="401: the secret was replaced by a rotation and its overlap is over."
    )
    KEY_UNKNOWN = strawberry.enum_value(
        Case.KEY_UNKNOWN,
        description=(
            "401: the form is right, but the key was not issued here: it is mistyped, made up, from another "
            "installation, or a key of an organization that the asking person is not in."
        ),
    )
    KEY_MALFORMED = strawberry.enum_value(
        Case.KEY_MALFORMED, description="401: the text that was sent does not have the form of a key."
    )
    KEY_MISSING = strawberry.enum_value(Case.KEY_MISSING, description="401: the request contained no key.")
    AGENT_NOT_IN_SCOPE = strawberry.enum_value(
        Case.AGENT_NOT_IN_SCOPE, description="403: an agent-level key was used for another agent."
    )
    RATE_LIMITED = strawberry.enum_value(
        Case.RATE_LIMITED, description="429: more requests than the rate limit allows."
    )
    QUOTA_EXCEEDED = strawberry.enum_value(Case.QUOTA_EXCEEDED, description="429: the period's quota is used up.")
    SERVICE_UNAVAILABLE = strawberry.enum_value(
        Case.SERVICE_UNAVAILABLE, description="503: verification was not available; the key is not the cause."
    )
    GATEWAY_NOT_ALLOWED = strawberry.enum_value(
        Case.GATEWAY_NOT_ALLOWED, description="403: the request did not come through the operator's gateway."
    )
    KEY_LIMIT_REACHED = strawberry.enum_value(
        Case.KEY_LIMIT_REACHED, description="No key can be created: every slot is taken."
    )
    ROLE_NOT_ALLOWED = strawberry.enum_value(
        Case.ROLE_NOT_ALLOWED, description="This person's role does not allow what they want to do."
    )
    SECRET_LOST = strawberry.enum_value(Case.SECRET_LOST, description="The secret is lost: it can't be shown again.")
    SCOPE_IMMUTABLE = strawberry.enum_value(
        Case.SCOPE_IMMUTABLE, description="The scope can't be changed after creation."
    )
    KEY_WORKS = strawberry.enum_value(
        Case.KEY_WORKS, description="The key is valid and requests with it pass: the cause is elsewhere."
    )
    NO_REQUESTS_SEEN = strawberry.enum_value(
        Case.NO_REQUESTS_SEEN, description="The key is valid, but no request with it has arrived in the last day."
    )
    KEY_EXPOSED = strawberry.enum_value(
        Case.KEY_EXPOSED, description="The secret was exposed; the steps say what to do first."
    )
    HOW_TO = strawberry.enum_value(
        Case.HOW_TO,
        description="An answer from the documentation or the records; nothing is wrong.",
    )
    HUMAN_REQUESTED = strawberry.enum_value(Case.HUMAN_REQUESTED, description="The person wants to talk to support.")
    NEEDS_DETAILS = strawberry.enum_value(
        Case.NEEDS_DETAILS,
        description="More details are needed: suggestedReplies has the likely meanings. Also the answer to a greeting.",
    )
    OFF_TOPIC = strawberry.enum_value(
        Case.OFF_TOPIC, description="Not about this organization's API keys, or something that the assistant can't do."
    )


@strawberry.enum
class SuggestedActionKind(Enum):
    CREATE_API_KEY = ActionKind.CREATE_API_KEY
    RENAME_API_KEY = ActionKind.RENAME_API_KEY
    ROTATE_API_KEY = ActionKind.ROTATE_API_KEY
    DELETE_API_KEY = ActionKind.DELETE_API_KEY
    OPEN_USAGE = ActionKind.OPEN_USAGE
    CONTACT_SUPPORT = ActionKind.CONTACT_SUPPORT
    REQUEST_API_KEY = ActionKind.REQUEST_API_KEY
    INVITE_MEMBER = ActionKind.INVITE_MEMBER
    OPEN_PEOPLE = ActionKind.OPEN_PEOPLE
    OPEN_AGENTS = ActionKind.OPEN_AGENTS


@strawberry.enum
class MessageAuthor(Enum):
    PERSON = Author.PERSON
    ASSISTANT = Author.ASSISTANT


@strawberry.type(description="A record that was checked, and its value. Plain text.")
class Evidence:
    label: str = strawberry.field(description="The name of the record, in a few words.")
    value: str
    at: datetime | None


@strawberry.type(description="The finding, its evidence, and what to do. Plain text.")
class Diagnosis:
    key_id: strawberry.Private[UUID | None]
    case: DiagnosisCase
    summary: str = strawberry.field(description="The finding, in one or two sentences.")
    evidence: list[Evidence] = strawberry.field(
        description=(
            "The facts that the finding is based on. The asking person is allowed to see and can check all of them."
        )
    )
    steps: list[str] = strawberry.field(description="What to do, in order.")
    is_tentative: bool = strawberry.field(
        description=(
            "Whether the message can be read in more than one way and this is the likeliest: the answer says so, and "
            "suggestedReplies has the others. False for a sure answer and for NEEDS_DETAILS."
        )
    )
    reading: str | None = strawberry.field(
        description="The sentence that says how the message was read. Null unless the answer is tentative."
    )

    @strawberry.field(description="The key that the finding is about, if the asking person is allowed to see it.")
    async def api_key(self, info: Info) -> ApiKey | None:
        return await _key(info, self.key_id)


@strawberry.type(description="A section of the documentation that an answer is based on.")
class Citation:
    title: str
    url: str = strawberry.field(description="The path of the section on this server.")


@strawberry.type(description="A step to offer as a button. The assistant itself never carries it out.")
class SuggestedAction:
    key_id: strawberry.Private[UUID | None]
    kind: SuggestedActionKind
    label: str

    @strawberry.field
    async def api_key(self, info: Info) -> ApiKey | None:
        return await _key(info, self.key_id)


@strawberry.type(description="A reply that the person can send with one click.")
class SuggestedReply:
    id: strawberry.ID = strawberry.field(
        description=(
            "Sent along as AskAssistantInput.suggestionId, it leads straight to what the label says, in any language. "
            "Empty in old answers."
        )
    )
    label: str
    message: str = strawberry.field(description="The text to send as the next message.")


@strawberry.type(description="A message of the person or of the assistant.")
class Message:
    id: strawberry.ID
    author: MessageAuthor
    text: str = strawberry.field(
        description=(
            "A person's text is plain, with pasted keys redacted. The assistant's text is CommonMark without raw "
            "HTML and images; names and other values from outside are escaped."
        )
    )
    at: datetime
    language: str | None = strawberry.field(
        description="The language of the assistant's text, as a BCP 47 tag such as de, pt-BR or zh-Hans."
    )
    language_note: str | None = strawberry.field(
        description=(
            "An answer in English to a message in a language that Keydesk does not answer in: a sentence that says so. "
            "Plain text, and the beginning of text."
        )
    )
    diagnosis: Diagnosis | None
    citations: list[Citation]
    actions: list[SuggestedAction]
    suggested_replies: list[SuggestedReply] = strawberry.field(
        description=(
            "At most three: the other meanings of an unclear question, likeliest first, then common next questions."
        )
    )
    helpful: bool | None = strawberry.field(description="The rating from rateMessage.")


@strawberry.type(description="A hand-over to the human support team, with the redacted conversation.")
class SupportTicket:
    id: strawberry.ID
    created_at: datetime
    sent_to: str | None = strawberry.field(
        description=(
            "The address that the hand-over is sent to. Null if the operator set none: the operator then reads the "
            "ticket on the command line."
        )
    )
    sent_at: datetime | None = strawberry.field(description="Null until it is sent.")


@strawberry.type(description="A person's conversation with the assistant. Nobody else can read it.")
class Conversation(Node):
    internal_id: strawberry.Private[UUID]
    id: strawberry.ID
    title: str = strawberry.field(description="The first message, redacted, at most 80 characters.")
    started_at: datetime

    @strawberry.field(description="The last messages before the given one, oldest first; last says how many.")
    async def messages(self, info: Info, last: int = 50, before: strawberry.ID | None = None) -> list[Message]:
        loads = info.context.support.messages(page_size(last, "last"), before_id(Prefix.MESSAGE, before))
        return [to_message(each) for each in await loads.load(self.internal_id)]

    @strawberry.field
    async def ticket(self, info: Info) -> SupportTicket | None:
        ticket = await info.context.support.tickets.load(self.internal_id)
        return None if ticket is None else to_ticket(ticket)


@strawberry.type
class AssistantAnswer:
    conversation: Conversation
    reply: Message

    @strawberry.field(deprecation_reason="Use reply: this name collides with Refusal.message in one document.")
    def message(self) -> Message:
        return self.reply


@strawberry.type(description="A piece of an answer's text, sent while the answer is written.")
class AssistantTextChunk:
    conversation_id: strawberry.ID
    text: str


def to_conversation(record: ConversationRecord) -> Conversation:
    return Conversation(
        internal_id=record.id,
        id=strawberry.ID(external_id(Prefix.CONVERSATION, record.id)),
        title=record.title,
        started_at=record.started_at,
    )


def _tag_of(language: str) -> str | None:
    """The tag of a stored answer's language. None for one that only another version of Keydesk has."""
    known = LANGUAGES.get(language)
    return None if known is None else known.tag


def to_message(record: MessageRecord) -> Message:
    stored = read(record.answer)
    return Message(
        id=strawberry.ID(external_id(Prefix.MESSAGE, record.id)),
        author=MessageAuthor(record.author),
        text=record.text,
        at=record.at,
        language=None if stored is None else _tag_of(stored.language),
        language_note=language_note(record.text, record.language),
        diagnosis=None if stored is None else to_diagnosis(stored),
        citations=[] if stored is None else [_to_citation(each) for each in stored.citations],
        actions=[] if stored is None else [_to_action(each) for each in stored.offers],
        suggested_replies=[] if stored is None else to_replies(stored.replies),
        helpful=record.helpful,
    )


def to_diagnosis(stored: StoredAnswer) -> Diagnosis:
    return Diagnosis(
        key_id=stored.key_id,
        case=DiagnosisCase(stored.case),
        summary=stored.summary,
        evidence=[Evidence(label=each.label, value=each.value, at=each.at) for each in stored.evidence],
        steps=list(stored.steps),
        is_tentative=stored.reading is not None,
        reading=stored.reading,
    )


def to_ticket(record: TicketRecord) -> SupportTicket:
    return SupportTicket(
        id=strawberry.ID(external_id(Prefix.TICKET, record.id)),
        created_at=record.created_at,
        sent_to=record.sent_to,
        sent_at=record.sent_at,
    )


def to_replies(replies: Iterable[StoredReply]) -> list[SuggestedReply]:
    return [SuggestedReply(id=strawberry.ID(each.id), label=each.label, message=each.message) for each in replies]


def _to_citation(stored: StoredCitation) -> Citation:
    return Citation(title=stored.title, url=stored.url)


def _to_action(stored: StoredAction) -> SuggestedAction:
    return SuggestedAction(key_id=stored.key_id, kind=SuggestedActionKind(stored.kind), label=stored.label)


async def _key(info: Info, key_id: UUID | None) -> ApiKey | None:
    record = None if key_id is None else await info.context.support.keys.load(key_id)
    return None if record is None else to_api_key(record, info.context.actor, info.context.services.clock())
