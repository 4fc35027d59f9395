"""Keeps: the tables, and every query beside its table. Imports nothing of ours."""

from sqlmodel import SQLModel

from models.agent import Agent
from models.api_key import ApiKey
from models.audit import AuditAction, AuditEvent
from models.organization import Organization
from models.person import AdministeredAgent, Membership, Person, Role
from models.session import SignInSession
from models.sign_in import SignInFailure

metadata = SQLModel.metadata

__all__ = [
    "AdministeredAgent",
    "Agent",
    "ApiKey",
    "AuditAction",
    "AuditEvent",
    "Membership",
    "Organization",
    "Person",
    "Role",
    "SignInFailure",
    "SignInSession",
    "metadata",
]
