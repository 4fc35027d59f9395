"""GraphQL interfaces that types of many kinds implement."""

import strawberry


@strawberry.interface(description="What has an id.")
class Node:
    id: strawberry.ID


@strawberry.interface(
    description=(
        "What every refusal in a result union has, so that one fragment works for all of them, and for those that are "
        "added later."
    )
)
class Refusal:
    message: str
    code: str = strawberry.field(description="Stable, such as INVALID_INPUT.")
