"""
The tests of failing servers that `.ci/run` runs: one or two of each kind, which take two minutes. `make test-faults`
runs all.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[1]
TESTS = (
    "test_clock_jumps.py::test_a_clock_that_jumps_changes_no_verdict_and_no_count",
    "test_failover.py::test_a_promotion_with_fencing_while_keys_are_deleted",
    "test_failover.py::test_a_promotion_without_fencing",
    "test_failover.py::test_a_server_whose_primary_becomes_a_standby",
    "test_full_disk.py::test_a_full_disk_under_postgresql",
    "test_full_disk.py::test_a_full_disk_under_sqlite",
    "test_kill.py::test_a_killed_server_loses_only_counts_of_the_last_moment[sqlite]",
    "test_poolers.py::test_a_pooler_that_changes_its_mode",
    "test_poolers.py::test_other_modes_are_refused[transaction-0]",
    "test_revocations.py::test_a_promoted_standby_comes_to_have_every_deletion_that_was_answered",
    "test_sentinel.py::test_a_failover_under_load[killed]",
    "test_stopping.py::test_a_stop_ends_whatever_hangs",
    "test_stopping.py::test_a_stop_while_postgresql_is_frozen_under_load[2]",
    "test_stopping.py::test_servers_behind_a_proxy_are_restarted_one_after_the_other",
    "test_upgrade.py::test_an_upgrade_loses_no_verification[postgresql]",
)


def is_in_ci(test_id: str) -> bool:
    """Whether the list has the test. The id is pytest's, such as tests/faults/test_x.py::test_y[1]."""
    return test_id.removeprefix(f"{FOLDER.name}/faults/") in TESTS
