"""Keeps: the tables, and every query beside its table. Imports nothing of ours."""

from sqlmodel import SQLModel

from models.agent import Agent
from models.answering import Answering
from models.api_key import ApiKey
from models.audit import AuditAction, AuditEvent
from models.caller import Caller
from models.conversation import Conversation
from models.lease import Lease
from models.ledger_writer import LedgerWriter
from models.message import Author, Message
from models.organization import Organization
from models.pasted_key import PastedKey
from models.person import AdministeredAgent, Membership, Person, Role
from models.refused_request import RefusedReason, RefusedRequest
from models.served_server_key import ServedServerKey
from models.session import SignInSession
from models.sign_in import SignInFailure
from models.ticket import Ticket
from models.usage import UsageDay, UsageHour, UsageMonth

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
    "LedgerWriter",
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
    "metadata",
]
