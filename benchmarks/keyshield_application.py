"""keyshield as its README sets it up with FastAPI and SQLite, with keys to try; run in an environment of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from fastapi import Depends, FastAPI
from keyshield import ApiKey, ApiKeyService
from keyshield.api import create_depends_api_key
from keyshield.hasher.argon2 import Argon2ApiKeyHasher
from keyshield.repositories.sql import SqlAlchemyApiKeyRepository
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

port, folder, number = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
hasher = Argon2ApiKeyHasher(pepper="a pepper for a benchmark")
engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'keyshield.db'}", future=True)
sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
app = FastAPI()


async def service() -> AsyncIterator[ApiKeyService]:
    """A service on a session of its own."""
    async with sessions() as session, session.begin():
        repository = SqlAlchemyApiKeyRepository(session)
        await repository.ensure_table(async_engine=engine)
        yield ApiKeyService(repo=repository, hasher=hasher)


verified = create_depends_api_key(service)


@app.get("/v1/verify")
async def verify(api_key: ApiKey = Depends(verified)) -> dict[str, str]:  # noqa: B008 - FastAPI's way
    """Says which key it is."""
    return {"keyId": api_key.key_id}


async def make_keys() -> None:
    """Writes as many keys as were asked for into a file, for the callers."""
    tokens = []
    for place in range(number):
        async for made in service():
            _, token = await made.create(name=f"key {place}")
            tokens.append(token)
    (folder / "keyshield-tokens").write_text("\n".join(tokens))
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(make_keys())
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)
