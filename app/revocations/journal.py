"""Which revocation journal belongs to the settings."""

from pathlib import Path

from app.settings import Settings
from models.engine.database import Database
from models.engine.database_address import SQLITE, database_url
from models.revocations.journal import Journal, journal_at, journal_beside
from models.revocations.recorder import RevocationRecorder

NO_JOURNAL = (
    "KEYDESK_REVOCATION_JOURNAL is not set: after a restore or failover, deleted keys that the database has forgotten "
    "would work again. Set it to a file or folder that outlives the database"
)


def journal_of(settings: Settings) -> Journal | None:
    """The journal that the operator set, or the one beside an embedded database. None for PostgreSQL without one."""
    if settings.revocation_journal is not None:
        return journal_at(settings.revocation_journal)
    url = database_url(settings.database_url)
    if url.get_backend_name() != SQLITE:
        return None
    return journal_beside(Path(str(url.database)))


def recording_database(settings: Settings) -> Database:
    """The database of the settings, whose revocations are recorded in the journal, if there is one."""
    journal = journal_of(settings)
    return Database(settings.database_url, revocations=None if journal is None else RevocationRecorder(journal))
