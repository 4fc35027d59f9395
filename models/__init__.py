"""Keeps: the tables, and every query beside its table. Imports nothing of ours."""

from sqlmodel import SQLModel

from models.agent import Agent
from models.api_key import ApiKey
from models.audit import AuditAction, AuditEvent
from models.caller import Caller
from models.lease import Lease
from models.ledger_writer import LedgerWriter
from models.organization import Organization
from models.person import AdministeredAgent, Membership, Person, Role
from models.refused_request import RefusedReason, RefusedRequest
from models.session import SignInSession
from models.sign_in import SignInFailure
from models.usage import UsageDay, UsageHour, UsageMonth

metadata = SQLModel.metadata

__all__ = [
    "AdministeredAgent",
    "Agent",
    "ApiKey",
    "AuditAction",
    "AuditEvent",
    "Caller",
    "Lease",
    "LedgerWriter",
    "Membership",
    "Organization",
    "Person",
    "RefusedReason",
    "RefusedRequest",
    "Role",
    "SignInFailure",
    "SignInSession",
    "UsageDay",
    "UsageHour",
    "UsageMonth",
    "metadata",
]
