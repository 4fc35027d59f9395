"""The GraphQL schema: converts what the resolvers return into public types, and checks roles before it calls them."""

from datetime import datetime

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.ask import Subscription
from schema.members import ShowAlreadyMember
from schema.mutations import Mutation
from schema.provisioning import ShowOtherPersonSignedIn
from schema.query import Query
from schema.refusals import HANDLERS
from schema.scalars import INSTANT

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    exception_handlers=(*HANDLERS, ShowAlreadyMember(), ShowOtherPersonSignedIn()),
    config=StrawberryConfig(scalar_map={datetime: INSTANT}),
)
