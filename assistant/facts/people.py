"""People, invitations and mails, as far as the person who asks may see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from models.invitation import InvitationRecord
from models.key_queries import ApiKeyRecord
from models.key_request import KeyRequestRecord
from models.members import MemberRecord
from models.password_reset import ResetRecord


@dataclass(frozen=True, slots=True)
class PeopleFacts:
    """
    Facts about people. They are read only for questions about people.

    Only organization admins get `members`, `named`, `shown` and `invitations`.
    """

    mails_people: bool = False
    """Whether invitations and links for forgotten passwords can be mailed."""
    members: Sequence[MemberRecord] = ()
    """Everybody in the organization, by name."""
    named: Sequence[MemberRecord] = ()
    """Those whom the message names."""
    shown: Mapping[UUID, Sequence[ApiKeyRecord]] = field(default_factory=dict)
    """For each person in `named`, the living keys of which they were shown a secret that still works, newest first."""
    invitations: Sequence[InvitationRecord] = ()
    """The open invitations, expired ones too, newest first."""
    resets: Sequence[ResetRecord] = ()
    """The requests of the last day to reset the password of the person who asks, newest first."""
    key_requests: Sequence[KeyRequestRecord] = ()
    """Open requests for keys: all for organization admins, their own for others."""
