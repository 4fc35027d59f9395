"""Answers as people see them, for tests that look for words."""

from assistant.explain.diagnosis import Diagnosis
from assistant.reply.render import to_stored
from assistant.reply.stored_answer import StoredAnswer


def shown(diagnosis: Diagnosis, language: str = "en") -> StoredAnswer:
    """The diagnosis with strings in this language; sections of the documentation have their paths as titles."""
    return to_stored(diagnosis, language, str)
