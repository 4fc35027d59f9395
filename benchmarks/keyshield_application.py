"""
Serves keyshield as its README sets it up with FastAPI, with keys to try. Runs in a virtual environment of its own.

The keys are in memory, because with SQLite each verification writes `last_used_at`, and twenty callers at the same time
found the database locked.
"""

import asyncio
import sys
from pathlib import Path

import uvicorn
from fastapi import Depends, FastAPI
from keyshield import ApiKey, ApiKeyService
from keyshield.api import create_depends_api_key
from keyshield.hasher.argon2 import Argon2ApiKeyHasher
from keyshield.repositories.in_memory import InMemoryApiKeyRepository

port, folder, number = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
service = ApiKeyService(repo=InMemoryApiKeyRepository(), hasher=Argon2ApiKeyHasher(pepper="a pepper for a benchmark"))
app = FastAPI()


async def provide() -> ApiKeyService:
    """Returns keyshield's service."""
    return service


verified = create_depends_api_key(provide)


@app.get("/v1/verify")
async def verify(api_key: ApiKey = Depends(verified)) -> dict[str, str]:  # noqa: B008 - FastAPI's way
    """Verifies a key and returns its id."""
    return {"keyId": api_key.key_id}


async def make_keys() -> None:
    """Makes the number of keys that the command line names, and writes them into a file for the callers."""
    tokens = [(await service.create(name=f"key {place}"))[1] for place in range(number)]
    (folder / "keyshield-tokens").write_text("\n".join(tokens))


if __name__ == "__main__":
    asyncio.run(make_keys())
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)
