"""The tables, each with its queries. Imports from no other folder of the application."""

from sqlmodel import SQLModel

from models.agent import Agent
from models.api_key import ApiKey
from models.audit import AuditAction, AuditEvent
from models.engine.lease import Lease
from models.organization import Organization
from models.person import AdministeredAgent, Membership, Person, Role
from models.served_server_key import ServedServerKey
from models.session import SignInSession
from models.sign_in import SignInFailure
from models.support.answer_lease import Answering
from models.support.conversation import Conversation
from models.support.message import Author, Message
from models.support.pasted_key import PastedKey
from models.support.ticket import Ticket
from models.usage.caller import Caller
from models.usage.counts import UsageDay, UsageHour, UsageMonth
from models.usage.refused_request import RefusedReason, RefusedRequest
from models.usage.writer import UsageWriter

metadata = SQLModel.metadata

__all__ = [
    "AdministeredAgent",
    "Agent",
    "Answering",
    "ApiKey",
    "AuditAction",
    "AuditEvent",
    "Author",
    "Caller",
    "Conversation",
    "Lease",
    "Membership",
    "Message",
    "Organization",
    "PastedKey",
    "Person",
    "RefusedReason",
    "RefusedRequest",
    "Role",
    "ServedServerKey",
    "SignInFailure",
    "SignInSession",
    "Ticket",
    "UsageDay",
    "UsageHour",
    "UsageMonth",
    "UsageWriter",
    "metadata",
]
