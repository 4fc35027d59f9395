"""Links by which a host product signs a member in. A row is deleted when its link is used, or after it has expired."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant, reference
from models.engine.ids import new_id

PATH_LENGTH_AT_MOST = 255
RETURN_URL_LENGTH_AT_MOST = 2048


class SignInLink(SQLModel, table=True):
    """
    A link for one person in one organization. `link_digest` is of the code in it, which is not stored.

    `path` is a path of the console below the organization. `return_url` leads back to the host product.
    """

    __tablename__ = "sign_in_links"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: UUID = reference("organizations.id")
    person_id: UUID = reference("people.id")
    path: str = Field(max_length=PATH_LENGTH_AT_MOST)
    return_url: str | None = Field(default=None, max_length=RETURN_URL_LENGTH_AT_MOST)
    expires_at: datetime = instant(index=True)
    link_digest: str = Field(max_length=64, unique=True)
    token_id: UUID | None = None
    """The operator token that made the link; None for a link of an older version."""


async def sign_in_link(session: AsyncSession, link_digest: str) -> SignInLink | None:
    """The link with this digest, if it was not used."""
    statement = select(SignInLink).where(SignInLink.link_digest == link_digest)
    return (await session.execute(statement)).scalar_one_or_none()


async def use_up_link(session: AsyncSession, link_id: UUID) -> bool:
    """Deletes the link. False if it is gone already: of several that use it at once, one gets it."""
    statement = delete(SignInLink).where(col(SignInLink.id) == link_id).returning(col(SignInLink.id))
    return (await session.execute(statement.execution_options(synchronize_session=False))).first() is not None


async def delete_every_link_of(session: AsyncSession, person_id: UUID) -> None:
    """Deletes the person's links, to whichever organization. The caller must lock the person's row before."""
    is_theirs = col(SignInLink.person_id) == person_id
    await session.execute(delete(SignInLink).where(is_theirs).execution_options(synchronize_session=False))


async def delete_links_of_token(session: AsyncSession, token_id: UUID) -> None:
    """Deletes the links that the token made."""
    is_its = col(SignInLink.token_id) == token_id
    await session.execute(delete(SignInLink).where(is_its).execution_options(synchronize_session=False))


async def delete_links_of(session: AsyncSession, organization_id: UUID, person_id: UUID) -> None:
    """Deletes the person's links to the organization."""
    is_theirs = (col(SignInLink.organization_id) == organization_id) & (col(SignInLink.person_id) == person_id)
    await session.execute(delete(SignInLink).where(is_theirs).execution_options(synchronize_session=False))
