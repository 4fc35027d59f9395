"""The command `keydesk demo`: serves the demo, and prints how to sign in and which key to try."""

import shlex
from collections.abc import Sequence

from app import utc_now
from app.cli.forms import Form, key_form
from app.cli.serving import Port
from app.cli.terminal import AsJson, key_services, note, settings_from_environment, show, table, with_database
from app.demo.prepare import Demo, fresh_key, prepare
from app.demo.story import ORGANIZATION_ID, ORGANIZATION_NAME
from app.revocations.start import require_dead_stay_dead
from app.serve import serve as run_server
from app.settings import Settings
from app.startup_checks import keep_server_keys
from keys.hashing import KEY_PARAMETERS, PASSWORD_PARAMETERS
from keys.policy import ROLE_WORDS
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from resolvers.services import Issued

LOOPBACK = "127.0.0.1"


def demo(port: Port = 8000, as_json: AsJson = False) -> None:
    """
    Serve a small demo organization that only this machine can reach.

    It is created in ./keydesk.db, or in the database of KEYDESK_DATABASE_URL, and kept for the next start.
    """
    settings = settings_from_environment()

    async def operation(database: Database) -> Demo:
        made = await prepare(
            settings,
            database,
            clock=utc_now,
            key_hasher=KEY_PARAMETERS.hasher(),
            password_hasher=PASSWORD_PARAMETERS.hasher(),
        )
        for warning in await require_dead_stay_dead(database, accept_revived_keys=False, now=utc_now()):
            note(f"Warning: {warning}")
        return made

    prepared = with_database(settings, operation, may_be_new=True)

    def announce(address: str) -> None:
        # Only after the port is bound: a second start must not rotate the key of a demo that is running.
        issued = with_database(prepared.settings, lambda database: _fresh_key(prepared, database))
        curl = _curl(prepared.settings, address, issued)
        show(_form(prepared, address, issued, curl), _lines(prepared, address, curl), as_json=as_json)

    run_server(prepared.settings, host=LOOPBACK, port=port, workers=1, announce=announce)


async def _fresh_key(prepared: Demo, database: Database) -> Issued:
    settings = prepared.settings
    await keep_server_keys(database, prepared.server_keys, now=utc_now())
    with key_services(settings, database, prepared.server_keys) as services:
        return await fresh_key(services)


def _curl(settings: Settings, address: str, issued: Issued) -> str:
    words = ["curl", "-i", "-H", f"Authorization: Bearer {issued.secret.reveal()}"]
    if issued.record.agent is not None:
        words += ["-H", f"X-Agent-Id: {external_id(Prefix.AGENT, issued.record.agent.id)}"]
    gateway = ' -H "X-Gateway-Token: $KEYDESK_GATEWAY_TOKEN"' if settings.gateway_token is not None else ""
    return f"{shlex.join([*words, f'{address}/v1/verify'])}{gateway}"


def _form(prepared: Demo, address: str, issued: Issued, curl: str) -> Form:
    return {
        "address": address,
        "organization": {"id": external_id(Prefix.ORGANIZATION, ORGANIZATION_ID), "name": ORGANIZATION_NAME},
        "signIns": [
            {"email": each.email, "password": each.password, "name": each.name, "role": each.role.value}
            for each in prepared.people
        ],
        "key": {**key_form(issued.record, utc_now()), "secret": issued.secret.reveal()},
        "curl": curl,
    }


def _lines(prepared: Demo, address: str, curl: str) -> Sequence[str]:
    people = table(
        ("E-MAIL", "PASSWORD", "WHO"),
        [(each.email, each.password, f"{each.name}, {ROLE_WORDS[each.role]}") for each in prepared.people],
        empty="Nobody is left in the demo's organization. Add somebody: keydesk user create",
    )
    return [
        f"Keydesk's demo, {ORGANIZATION_NAME}, runs at {address} (GraphQL at {address}/graphql).",
        "",
        "Sign in as:",
        *(f"  {line}" for line in people),
        "",
        "Verify this API key (it gets a new secret at every start):",
        f"  {curl}",
        "",
        "Stop with Ctrl-C.",
    ]
