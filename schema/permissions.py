"""
Permission classes: the checks before a field runs, which need no database row.

They ask `keys.policy` and raise its refusals. The resolver checks again with the row.
"""

from typing import Any, ClassVar

from strawberry.permission import BasePermission

from keys import policy
from keys.policy import Action
from keys.refusals import Forbidden, NotFound
from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from resolvers.creation.create_api_key import refused_creation
from schema.api_key import to_scope
from schema.context import Info


class SignedIn(BasePermission):
    """
    Requires that a person is signed in and has chosen a password. Programs, whatever their token, get Forbidden.

    Raises Unauthenticated or PasswordChangeRequired. A field that programs may use has one of the classes below.
    """

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        return info.context.require_signed_in() is not None


class HasRoles(BasePermission):
    """
    Requires somebody with roles in organizations: a person, or a program with a service token.

    Raises Unauthenticated, PasswordChangeRequired, and Forbidden for an operator token.
    """

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        policy.require_roles(info.context.actor)
        return True


class _HasRight(BasePermission):
    """Requires an operator token with a right that allows the action. Raises Unauthenticated or Forbidden."""

    action: ClassVar[Action]

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        policy.require_right(info.context.actor, self.action)
        return True


class MayProvision(_HasRight):
    """Allows operator tokens that may provision."""

    action = Action.PROVISION


class MaySignPeopleIn(_HasRight):
    """Allows operator tokens that may sign people in."""

    action = Action.SIGN_PEOPLE_IN


class _ManagesKeys(BasePermission):
    """
    Requires a role that allows the action on some key of some organization. Raises Forbidden.

    The resolver checks whether it is allowed on the key in question.
    """

    action: ClassVar[Action]

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        actor = info.context.actor
        if not policy.manages_keys_somewhere(actor, self.action):
            raise Forbidden(policy.denial_message(actor))
        return True


class MayRenameKeys(_ManagesKeys):
    """Allows organization admins and agent admins, and service tokens with these roles."""

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
        actor = context.actor
        policy.require_roles(actor)
        organization_id = parse_external_id(Prefix.ORGANIZATION, wanted.organization_id)
        if organization_id is None or organization_id not in actor.roles:
            raise NotFound
        if policy.may_with_some_key(actor, Action.CREATE_KEY, organization_id, to_scope(wanted.scope)):
            return True
        refusal = Forbidden(policy.denial_message(actor, organization_id))
        agent_id = None if wanted.agent_id is None else parse_external_id(Prefix.AGENT, wanted.agent_id)
        await refused_creation(context.services, actor, refusal, organization_id=organization_id, agent_id=agent_id)
        raise refusal


class _ManagesOrganization(BasePermission):
    """Requires a role that allows the action in the whole of this organization. Raises NotFound or Forbidden."""

    action: ClassVar[Action]

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        organization_id = parse_external_id(Prefix.ORGANIZATION, kwargs["input"].organization_id) or NO_SUCH_ID
        policy.require_everywhere(info.context.actor, self.action, organization_id)
        return True


class MayManagePeople(_ManagesOrganization):
    """Allows organization admins."""

    action = Action.MANAGE_MEMBERS


class MayRemovePeople(_ManagesOrganization):
    """Allows organization admins, and operator tokens that may provision."""

    action = Action.REMOVE_MEMBERS


class MayManageAgents(_ManagesOrganization):
    """Allows organization admins."""

    action = Action.MANAGE_AGENTS


class MayManageTokens(_ManagesOrganization):
    """Allows organization admins."""

    action = Action.MANAGE_TOKENS


class MayChangeOrganization(_ManagesOrganization):
    """Allows organization admins."""

    action = Action.CHANGE_ORGANIZATION


class MayManageNotifications(_ManagesOrganization):
    """Allows organization admins."""

    action = Action.MANAGE_NOTIFICATIONS


class MayDeleteAgents(BasePermission):
    """Allows organization admins, and operator tokens that may provision. Raises Forbidden."""

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        policy.require_somewhere(info.context.actor, Action.DELETE_AGENTS)
        return True
