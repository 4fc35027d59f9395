"""
A plain FastAPI route that looks the key's SHA-256 up through SQLAlchemy: neither limits nor usage.

Runs in a virtual environment of its own. usage: fastapi_application.py PORT DATABASE_URL NUMBER KEYS_FILE
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

port, address, number, file = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
engine = create_async_engine(address, pool_size=10, max_overflow=0)
sessions = async_sessionmaker(engine)
app = FastAPI()


class Base(DeclarativeBase):
    """The tables."""


class Key(Base):
    """A key."""

    __tablename__ = "keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    is_deleted: Mapped[bool] = mapped_column(default=False)


async def session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with sessions() as opened:
        yield opened


@app.get("/v1/verify")
async def verify(
    opened: Annotated[AsyncSession, Depends(session)], authorization: Annotated[str, Header()]
) -> dict[str, int]:
    """Answers 200 if the key is good."""
    digest = sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    key = (await opened.execute(select(Key).where(Key.digest == digest))).scalar_one_or_none()
    if key is None or key.is_deleted:
        raise HTTPException(401)
    return {"keyId": key.id}


async def make_keys() -> None:
    """Makes the table and the keys, and writes the keys into the file."""
    tokens = [secrets.token_urlsafe(32) for _ in range(number)]
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as opened:
        opened.add_all(Key(digest=sha256(token.encode()).hexdigest()) for token in tokens)
        await opened.commit()
    await engine.dispose()
    file.write_text("\n".join(tokens))  # noqa: ASYNC240 - before it serves


if __name__ == "__main__":
    asyncio.run(make_keys())
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)
