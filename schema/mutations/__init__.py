"""
The GraphQL mutations. Each field checks permissions, calls a resolver, and converts the result.

Results are nullable, so that an error in one field of a document does not remove the secret that another field has just
issued.
"""

import strawberry

from schema.mutations.agents import AgentMutations
from schema.mutations.keys import KeyMutations
from schema.mutations.notifications import NotificationMutations
from schema.mutations.organizations import OrganizationMutations
from schema.mutations.people import PeopleMutations
from schema.mutations.provisioning import ProvisioningMutations
from schema.mutations.requests import KeyRequestMutations
from schema.mutations.sign_in import SignInMutations
from schema.mutations.support import SupportMutations
from schema.mutations.tokens import TokenMutations


@strawberry.type
class Mutation(
    SignInMutations,
    PeopleMutations,
    OrganizationMutations,
    NotificationMutations,
    AgentMutations,
    KeyMutations,
    KeyRequestMutations,
    SupportMutations,
    TokenMutations,
    ProvisioningMutations,
):
    pass
