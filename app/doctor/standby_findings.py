"""Warns of standbys that receive commits later than they are answered."""

from models.engine.database import Database
from models.engine.database_address import POSTGRESQL
from models.engine.standbys import StandbyServer, read_standbys


async def standby_warnings(database: Database) -> list[str]:
    """Warnings about the standbys of the database's primary. None for SQLite. Raises the database's errors."""
    if database.backend != POSTGRESQL:
        return []
    standbys = await read_standbys(database)
    behind, waiting, synchronous = (_names(standbys, word) for word in ("async", "potential", "sync"))
    warnings = []
    if behind:
        warnings.append(
            f"the standby {', '.join(behind)} is asynchronous: when it is promoted, the newest deletions can be lost, "
            "so that deleted keys work again. Set synchronous_standby_names on the primary"
        )
    if waiting:
        warnings.append(
            f"the standby {', '.join(waiting)} becomes synchronous only when another one fails: when it is promoted, "
            f"the newest deletions can be lost. Promote only {', '.join(synchronous) or 'a synchronous one'}, or let "
            f"the primary wait for all: synchronous_standby_names = 'FIRST {len(synchronous) + len(waiting)} (…)'"
        )
    if any(each.sync_state is None for each in standbys):
        warnings.append(
            "there are standbys, but this user may not see whether they are synchronous; to let it, run GRANT "
            "pg_read_all_stats, or ask PostgreSQL's operator"
        )
    return warnings


def _names(standbys: list[StandbyServer], sync_state: str) -> list[str]:
    return [each.name or "without a name" for each in standbys if each.sync_state == sync_state]
