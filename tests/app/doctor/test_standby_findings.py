"""What `keydesk doctor` says about standbys, by what PostgreSQL says about them."""

import pytest

from app.doctor import standby_findings
from models.engine.database import Database
from models.engine.standbys import StandbyServer


@pytest.mark.parametrize(
    ("standbys", "advice"),
    [
        ([("one", "sync"), ("two", "quorum")], []),
        ([("one", "sync"), ("two", "async")], ["the standby two is asynchronous: "]),
        # synchronous_standby_names is set already: what helps is its number.
        (
            [("one", "sync"), ("two", "potential")],
            ["Promote only one, or", "_names = 'FIRST 2 (…)'"],
        ),
        ([("one", None)], ["GRANT pg_read_all_stats"]),
    ],
)
async def test_the_advice_fits_the_state_of_each_standby(
    monkeypatch: pytest.MonkeyPatch, standbys: list[tuple[str, str | None]], advice: list[str]
) -> None:
    """A warning says which standby can lack deletions, and what changes that."""

    async def read(_database: Database) -> list[StandbyServer]:
        return [StandbyServer(*each) for each in standbys]

    monkeypatch.setattr(standby_findings, "read_standbys", read)
    warnings = await standby_findings.standby_warnings(Database("postgresql://desk.example/keydesk"))

    assert len(warnings) == bool(advice)
    assert all(each in "".join(warnings) for each in advice)
