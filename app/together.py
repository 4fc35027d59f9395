"""Runs several parts of the application that don't need each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager


@asynccontextmanager
async def together(*parts: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    """
    Opens the parts one after the other, and closes them at the same time, so that none waits for one that hangs.

    If one can't be opened, those that are open are closed. If several fail to close, the first one's error is raised.
    """
    opened: list[AsyncExitStack] = []
    try:
        for part in parts:
            stack = AsyncExitStack()
            await stack.enter_async_context(part)
            opened.append(stack)
        yield
    finally:
        results = await asyncio.gather(*(stack.aclose() for stack in opened), return_exceptions=True)
        for failure in filter(None, results):
            raise failure
