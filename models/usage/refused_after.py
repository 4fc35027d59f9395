"""
Finds out whether a key was refused in a period.

The report on the assistant uses it to distinguish answers that helped from answers that only seemed to.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.usage.counts import OUTCOMES, UsageHour
from models.usage.refused_request import RefusedRequest

_HOUR = timedelta(hours=1)
_REFUSED = OUTCOMES[1:]
"""The columns that count refused requests."""


async def was_refused(session: AsyncSession, key_id: UUID, *, after: datetime, until: datetime) -> bool:
    """
    Whether a request with the key was refused in the period, for any reason.

    If a key is refused very often, single requests are soon deleted, so the counts of whole hours are checked too.
    """
    requests = exists().where(
        col(RefusedRequest.key_id) == key_id, col(RefusedRequest.at) > after, col(RefusedRequest.at) <= until
    )
    beginning = after.replace(minute=0, second=0, microsecond=0)
    hours = exists().where(
        col(UsageHour.key_id) == key_id,
        col(UsageHour.hour) >= (beginning if beginning == after else beginning + _HOUR),
        col(UsageHour.hour) <= until - _HOUR,
        or_(*(getattr(UsageHour, outcome) > 0 for outcome in _REFUSED)),
    )
    return bool((await session.execute(select(or_(requests, hours)))).scalar())
