"""Checks the revocation journal for `keydesk doctor`: whether there is one, whether it is whole and can be written."""

import os

from app.doctor.finding import Finding
from app.revocations.journal import NO_JOURNAL, journal_of
from app.revocations.start import forgotten_words
from app.settings import Settings
from models.engine.database import Database
from models.revocations.journal import Journal, JournalUnusable
from resolvers.operator.revocations import compare

CHECK = "revocations"


async def revocations_finding(settings: Settings, database: Database, *, is_schema_current: bool) -> Finding:
    """Compares the journal with the database. Writes nothing."""
    journal = journal_of(settings)
    if journal is None:
        return Finding(CHECK, True, f"warning: {NO_JOURNAL}")
    if not is_schema_current:
        return Finding(CHECK, False, "not checked, because the schema is not current")
    try:
        fault = _not_writable(journal)
    except OSError as error:
        fault = f"{journal.path} can't be used: {error.strerror or type(error).__name__}"
    if fault is not None:
        return Finding(CHECK, False, f"{fault}; check KEYDESK_REVOCATION_JOURNAL")
    try:
        found = await compare(database, journal)
    except (JournalUnusable, TimeoutError) as error:
        why = str(error) if isinstance(error, JournalUnusable) else f"{journal.path} does not answer"
        return Finding(CHECK, False, f"{why}; check KEYDESK_REVOCATION_JOURNAL")
    if found.restored_at is not None:
        return Finding(
            CHECK, False, "the database was restored and is not served until `keydesk revocations apply` was run"
        )
    if found.forgotten:
        return Finding(
            CHECK, False, f"the database has forgotten {forgotten_words(found)}; run `keydesk revocations apply`"
        )
    if found.contents.damage:
        return Finding(CHECK, False, f"the journal at {journal.path} is damaged; see `keydesk revocations status`")
    return Finding(CHECK, True, f"{len(found.contents.revocations)} lines in {journal.path}; all are in effect")


def _not_writable(journal: Journal) -> str | None:
    """Why no line can be appended, as far as can be seen without writing one, or None. Raises OSError."""
    if journal.is_folder:
        if not journal.path.is_dir():
            return f"there is no folder {journal.path}; create it"
        return None if os.access(journal.path, os.W_OK | os.X_OK) else f"the folder {journal.path} can't be written"
    if journal.path.exists():
        return None if os.access(journal.path, os.W_OK | os.R_OK) else f"{journal.path} can't be read and written"
    parent = journal.path.parent
    return None if os.access(parent, os.W_OK | os.X_OK) else f"{journal.path} can't be created"
