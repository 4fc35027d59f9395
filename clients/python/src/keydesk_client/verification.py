"""Asks Keydesk whether a key is good."""

import ssl
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import httpx2

from keydesk_client import headers as fields
from keydesk_client.answers import Answer, Unavailable, read_answer, unavailable
from keydesk_client.http import Calls, NoAnswer
from keydesk_client.lifecycle import AsyncClient, ThreadClient
from keydesk_client.outage_log import OutageLog
from keydesk_client.threads import LoopThread, Stopped

PATIENCE_SECONDS = 2.0
ATTEMPTS = 2
PATH = "/v1/verify"
OWN_USER_AGENT = b"keydesk-client"


class AsyncKeydesk(AsyncClient):
    """
    Checks keys, for asynchronous programs. Make one for your program, in its event loop, and close it at the end.

    Cancelling a verification is safe.
    """

    def __init__(
        self,
        url: str,
        gateway_token: str | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        max_connections: int = 100,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """
        `url` is Keydesk's address, `gateway_token` the value of its setting KEYDESK_GATEWAY_TOKEN. With the token,
        Keydesk believes the callers' addresses that this client sends.

        A verification takes at most `patience_seconds`, from waiting for a connection to the last byte of the answer.
        """
        if gateway_token is not None and not (
            gateway_token.isascii() and gateway_token.isprintable() and gateway_token
        ):
            raise ValueError("gateway_token: only letters, digits and signs of ASCII are possible")
        self._gateway_token = gateway_token
        self._log = OutageLog()
        self._calls = Calls(
            url,
            patience_seconds=patience_seconds,
            max_connections=max_connections,
            ssl_context=ssl_context,
            transport=transport,
        )
        super().__init__(self._calls)

    async def verify(
        self,
        key: str | None,
        agent: str | None = None,
        *,
        client_address: str | None = None,
        user_agent: str | None = None,
    ) -> Answer:
        """
        Whether the key is good: for the agent, if one is given.

        `agent` is Keydesk's id of the agent (`agt_…`), or `ext:` and your own id of it, such as `ext:crawler/7`.
        Without an agent, an agent-level key is good, and you have to compare `agent_id` of the answer.

        `client_address` and `user_agent` are those of the caller who presented the key; Keydesk shows them to the
        people who manage the key.
        """
        agent_user = OWN_USER_AGENT if user_agent is None else fields.sendable(user_agent)
        return await self._verify(fields.credentials_of_key(key), agent, client_address, agent_user)

    async def verify_request(
        self, headers: Iterable[tuple[bytes, bytes]], agent: str | None = None, *, client_address: str | None = None
    ) -> Answer:
        """
        Like `verify`, with the key and the user agent of a request's header fields, as ASGI has them.

        Repeated and conflicting fields are passed on, so that Keydesk refuses them. No other field is passed on.
        """
        lines = list(headers)
        user_agent = fields.user_agent_of_request(lines)
        return await self._verify(fields.credentials_of_request(lines), agent, client_address, user_agent)

    async def _verify(
        self,
        credentials: Iterable[fields.HeaderLine],
        agent: str | None,
        client_address: str | None,
        user_agent: bytes,
    ) -> Answer:
        requested = None if agent is None else fields.agent_field(agent)
        sent = fields.sent(
            credentials,
            agent=requested,
            gateway_token=self._gateway_token,
            client_address=client_address,
            user_agent=user_agent,
        )
        answered = await self._calls.call("GET", PATH, sent, attempts=ATTEMPTS)
        answer = unavailable(answered.reason) if isinstance(answered, NoAnswer) else read_answer(answered, requested)
        if isinstance(answer, Unavailable):
            self._log.failed(answer.reason)
        else:
            self._log.answered()
        return answer


class Keydesk(ThreadClient[AsyncKeydesk]):
    """
    Checks keys, for programs without an event loop. Any number of threads can use one at the same time.

    The calls run in a thread of this object, because only an event loop can bound a call as a whole. A process that
    was forked gets a thread and connections of its own.
    """

    def __init__(
        self,
        url: str,
        gateway_token: str | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        max_connections: int = 100,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """See AsyncKeydesk."""

        def make() -> AsyncKeydesk:
            return AsyncKeydesk(
                url,
                gateway_token,
                patience_seconds=patience_seconds,
                max_connections=max_connections,
                ssl_context=ssl_context,
                transport=transport,
            )

        super().__init__(make, lambda: LoopThread("keydesk-client", patience_seconds))

    def verify(
        self,
        key: str | None,
        agent: str | None = None,
        *,
        client_address: str | None = None,
        user_agent: str | None = None,
    ) -> Answer:
        """See AsyncKeydesk.verify."""
        return self._answer(
            lambda keydesk: keydesk.verify(key, agent, client_address=client_address, user_agent=user_agent)
        )

    def verify_request(
        self, headers: Iterable[tuple[bytes, bytes]], agent: str | None = None, *, client_address: str | None = None
    ) -> Answer:
        """See AsyncKeydesk.verify_request."""
        return self._answer(lambda keydesk: keydesk.verify_request(headers, agent, client_address=client_address))

    def _answer(self, ask: Callable[[AsyncKeydesk], Coroutine[Any, Any, Answer]]) -> Answer:
        thread, keydesk = self._running.get()
        try:
            return thread.run(ask(keydesk))
        except Stopped as stopped:
            return unavailable(str(stopped))
