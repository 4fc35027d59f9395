"""The tables, each with its queries. Imports from no other folder of the application."""

from sqlmodel import SQLModel

from models.agent import Agent
from models.api_key import ApiKey
from models.audit import AuditAction, AuditEvent
from models.client_request import ClientRequest
from models.engine.lease import Lease
from models.invitation import Invitation, InvitationMail, InvitedAgent
from models.key_request import KeyRequest
from models.notifications.delivery import WebhookDelivery
from models.notifications.exposure import Exposure
from models.notifications.mail import NotificationMail, NotificationMailEvent
from models.notifications.settings import NotificationSetting
from models.notifications.told_mark import ToldMark
from models.notifications.untold import UntoldEvent
from models.notifications.webhook import Webhook
from models.organization import Organization
from models.password_reset import PasswordReset
from models.person import AdministeredAgent, Membership, Person, Role
from models.revocations.restore_mark import Restore
from models.schema_compatibility import SchemaCompatibility
from models.served_server_key import ServedServerKey
from models.session import SignInSession
from models.sign_in import SignInFailure
from models.sign_in_link import SignInLink
from models.sso.group_mapping import GroupMapping, MappedAgent
from models.sso.identity import Identity
from models.sso.used_once import UsedOnce
from models.support.answer_lease import Answering
from models.support.conversation import Conversation
from models.support.message import Author, Message
from models.support.pasted_key import PastedKey
from models.support.ticket import Ticket
from models.tokens.program_token import ProgramToken, ProgramTokenAgent
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
    "ClientRequest",
    "Conversation",
    "Exposure",
    "GroupMapping",
    "Identity",
    "Invitation",
    "InvitationMail",
    "InvitedAgent",
    "KeyRequest",
    "Lease",
    "MappedAgent",
    "Membership",
    "Message",
    "NotificationMail",
    "NotificationMailEvent",
    "NotificationSetting",
    "Organization",
    "PasswordReset",
    "PastedKey",
    "Person",
    "ProgramToken",
    "ProgramTokenAgent",
    "RefusedReason",
    "RefusedRequest",
    "Restore",
    "Role",
    "SchemaCompatibility",
    "ServedServerKey",
    "SignInFailure",
    "SignInLink",
    "SignInSession",
    "Ticket",
    "ToldMark",
    "UntoldEvent",
    "UsageDay",
    "UsageHour",
    "UsageMonth",
    "UsageWriter",
    "UsedOnce",
    "Webhook",
    "WebhookDelivery",
    "metadata",
]
