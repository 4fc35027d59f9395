"""The command `keydesk verify`: the verdict on one key, with the reason that callers do not get."""

import sys
from typing import Annotated, assert_never

import typer

from app import utc_now
from app.cli.forms import Form, key_words
from app.cli.terminal import AsJson, Workplace, hashing, note, show, work
from app.metering import Metering
from app.startup_checks import foreign_server_key
from keys.limits.limiter import DryRunLimiter
from keys.outcomes import Outcome
from keys.verification.verdict import RequestedAgent, Verdict
from keys.verification.verifier import KeyVerifier
from models.engine.ids import Prefix, external_id, parse_external_id
from models.key_lookup import key_reader
from models.key_queries import ApiKeyRecord, key_record
from resolvers.operator.lookup import named_agent

READ_AT_MOST = 16_384
"""Bytes that are read from standard input. More than a key has, so that the faults of longer texts can be named."""


def verify(
    agent: Annotated[
        str | None, typer.Option(metavar="AGT", help="The agent that the request is for: its id or its name.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Check whether an API key is valid.

    Reads the key from standard input. If the key is refused, prints the reason, and the exit status is 1.
    """
    key = _read_key()

    async def operation(workplace: Workplace) -> tuple[Verdict, ApiKeyRecord | None]:
        wanted = await _wanted(workplace, agent)
        verdict = await _check(workplace, key, wanted)
        if key and (why := await foreign_server_key(workplace.database, workplace.server_keys())) is not None:
            note(f"Warning: {why}: the server may give another answer.")
        if verdict.key is None:
            return verdict, None
        async with workplace.database.reading() as session:
            key_id = parse_external_id(Prefix.API_KEY, f"{Prefix.API_KEY}_{verdict.key.key_id}")
            return verdict, None if key_id is None else await key_record(session, key_id)

    verdict, record = work(operation)
    is_good = verdict.outcome is Outcome.GOOD
    lines = [verdict.reason if is_good else f"{verdict.outcome.code}: {verdict.reason}"]
    if record is not None:
        lines.append(f"The key is {key_words(record)}.")
    show(_form(verdict, record), lines, as_json=as_json)
    if not is_good:
        note(_advice(verdict))
        raise typer.Exit(1)


def _read_key() -> str:
    """Reads the key as it would arrive in a header: one line, without white space around it, decoded as Latin-1."""
    return sys.stdin.buffer.readline(READ_AT_MOST).strip(b" \t\r\n").decode("latin-1")


async def _wanted(workplace: Workplace, agent: str | None) -> RequestedAgent:
    """
    The agent that the key is checked for. A name must exist.

    An id need not exist, because an unknown id leads to a verdict that the operator may want to see.
    """
    if agent is None:
        return RequestedAgent()
    agent_id = parse_external_id(Prefix.AGENT, agent)
    if agent_id is None:
        async with workplace.database.reading() as session:
            agent_id = (await named_agent(session, agent)).id
    return RequestedAgent(agent_id.hex)


async def _check(workplace: Workplace, key: str, wanted: RequestedAgent) -> Verdict:
    if not key:
        return Verdict(Outcome.MISSING_KEY, "there is no key on standard input")
    reader = key_reader(workplace.database)
    metering = Metering(workplace.settings, workplace.database, clock=utc_now)
    with hashing() as pool:
        verifier = KeyVerifier(
            server_keys=workplace.server_keys(),
            prefixes=workplace.settings.key_prefixes,
            reader=reader,
            pool=pool,
            limiter=DryRunLimiter(metering.limiter),
            require_agent=workplace.settings.require_agent,
        )
        await reader.start()
        try:
            async with metering.running():
                return await verifier.verify(key, wanted)
        finally:
            await reader.close()


def _form(verdict: Verdict, record: ApiKeyRecord | None) -> Form:
    state = verdict.key
    return {
        "good": verdict.outcome is Outcome.GOOD,
        "code": None if verdict.outcome is Outcome.GOOD else verdict.outcome.code,
        "reason": verdict.reason,
        "detail": None if verdict.malformed is None else verdict.malformed.detail,
        "keyId": None if record is None else external_id(Prefix.API_KEY, record.id),
        "keyName": None if record is None else record.name,
        "organizationId": None if record is None else external_id(Prefix.ORGANIZATION, record.organization_id),
        "scope": None if state is None else ("organization" if state.agent_id is None else "agent"),
        "agentId": None if state is None or state.agent_id is None else f"{Prefix.AGENT}_{state.agent_id}",
    }


def _advice(verdict: Verdict) -> str:
    """A sentence that says what to do about the verdict."""
    match verdict.outcome:
        case Outcome.GOOD:
            return "The key is valid."
        case Outcome.MISSING_KEY:
            return "The key is refused. Send it on standard input: keydesk verify < FILE"
        case Outcome.MALFORMED_KEY:
            return f"The key is refused. {'' if verdict.malformed is None else verdict.malformed.detail}"
        case Outcome.INVALID_KEY:
            return "The key is refused. Compare it with the list: keydesk key list --organization ORG"
        case Outcome.DELETED_KEY | Outcome.REPLACED_SECRET:
            return "The key is refused. Its caller needs the current secret, or a new key."
        case Outcome.AGENT_NOT_IN_SCOPE:
            return "The key is refused. Its caller needs a key for this agent, or the agent that the key is for."
        case Outcome.RATE_LIMITED | Outcome.QUOTA_EXCEEDED:
            return "The key is valid, but over its limit. To change the limit: keydesk key limit KEY"
        case Outcome.UNAVAILABLE:
            return "The key could not be checked. Try again."
        case Outcome.GATEWAY_NOT_ALLOWED:
            raise ValueError("no gateway is asked for here")
        case _:
            assert_never(verdict.outcome)
