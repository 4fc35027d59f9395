"""Backups of the whole database, and restoring them in one step."""


class BackupFailed(Exception):
    """A backup or a restore failed, and nothing was replaced. The message says why, and what to do."""


class RestoreUnfinished(Exception):
    """The database was replaced and marked as restored, but could not be migrated: see `__cause__`."""
