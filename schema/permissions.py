"""
Permission classes: the checks before a field runs, which need no database row.

They ask `keys.policy` and raise its refusals. The resolver checks again with the row.
"""

from typing import Any, ClassVar

from strawberry.permission import BasePermission

from keys import policy
from keys.policy import Action
from keys.refusals import Forbidden, NotFound
from models.engine.ids import Prefix, parse_external_id
from resolvers.create_api_key import refused_creation
from schema.api_key import to_scope
from schema.context import Info


class SignedIn(BasePermission):
    """
    Requires that a person is signed in and has chosen a password.

    Raises Unauthenticated or PasswordChangeRequired.
    """

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        return info.context.require_signed_in() is not None


class _ManagesKeys(BasePermission):
    """
    Requires a role that allows the action on some key of some organization. Raises Forbidden.

    The resolver checks whether it is allowed on the key in question.
    """

    action: ClassVar[Action]

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        actor = info.context.require_signed_in().actor
        if not policy.manages_keys_somewhere(actor, self.action):
            raise Forbidden(policy.denial_message(actor))
        return True


class MayRenameKeys(_ManagesKeys):
    """Allows organization admins and agent admins."""

    action = Action.RENAME_KEY


class MayRotateKeys(_ManagesKeys):
    """Allows organization admins and agent admins."""

    action = Action.ROTATE_KEY


class MayDeleteKeys(_ManagesKeys):
    """Allows organization admins and agent admins."""

    action = Action.DELETE_KEY


class MayCreateKeys(BasePermission):
    """
    Requires a role that allows creating a key of this scope in this organization.

    Raises NotFound or Forbidden. A Forbidden is also written to the audit log.
    """

    async def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        context, wanted = info.context, kwargs["input"]
        actor = context.require_signed_in().actor
        organization_id = parse_external_id(Prefix.ORGANIZATION, wanted.organization_id)
        if organization_id is None or organization_id not in actor.roles:
            raise NotFound
        if policy.may_with_some_key(actor, Action.CREATE_KEY, organization_id, to_scope(wanted.scope)):
            return True
        refusal = Forbidden(policy.denial_message(actor, organization_id))
        agent_id = None if wanted.agent_id is None else parse_external_id(Prefix.AGENT, wanted.agent_id)
        await refused_creation(context.services, actor, refusal, organization_id=organization_id, agent_id=agent_id)
        raise refusal
