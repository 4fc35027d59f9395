"""Assembles the support assistant: the facts that it reads, and the verifier for keys that people paste."""

from collections.abc import Callable
from datetime import datetime

from app.settings import Settings
from assistant.choice import Chooser
from assistant.facts.asker import Knowledge
from assistant.facts.documents import Documents
from assistant.facts.pasted_keys import Possessions
from keys.hashing import HashingPool
from keys.limits.limiter import Limiter
from keys.token import ServerKeys
from keys.verification.verifier import KeyVerifier
from models.engine.database import Database
from models.engine.reader import Reader
from models.key_lookup import KeyReader
from resolvers.assistant import Assistant

PASTED_KEYS_REMEMBERED = 1000


def assistant_of(
    settings: Settings,
    *,
    database: Database,
    reader: Reader,
    key_reader: KeyReader,
    server_keys: ServerKeys,
    pool: HashingPool,
    limiter: Limiter,
    documents: Documents,
    clock: Callable[[], datetime],
    chooser: Chooser | None = None,
) -> Assistant:
    """Makes the assistant of a process. Its verifier of pasted keys counts no requests and has a small cache."""
    verifier = KeyVerifier(
        server_keys=server_keys,
        prefixes=settings.key_prefixes,
        reader=key_reader,
        pool=pool,
        limiter=None,
        results_remembered=PASTED_KEYS_REMEMBERED,
    )
    return Assistant(
        database=database,
        knowledge=Knowledge(
            reader,
            limiter,
            documents,
            settings.support_email,
            sends_mail=settings.mail_server is not None,
            mails_people=settings.mail_sender is not None,
        ),
        possessions=Possessions(verifier, key_reader, server_keys, settings.key_prefixes),
        clock=clock,
        chooser=chooser,
    )
