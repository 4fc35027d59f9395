"""
A line of the revocation journal: JSON with what was revoked and when, a number, a chain and a checksum.

The checksums find damage. They don't prove who wrote a line: a program that can write to the journal can also make
valid lines.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

VERSION = 1
FIRST = 1
LINE_BYTES_AT_MOST = 1024
AFTER_DAMAGE = "?"
"""In place of the checksum of the line before, where that line was damaged."""
_BEFORE_CHECKSUM, _END, _CHECKSUM_LENGTH = b',"sum":"', b'"}', 16


class Kind(StrEnum):
    """What a line says."""

    DELETED = "deleted"
    REPLACED = "replaced"
    """A secret is no longer valid, from an instant that may be in the future."""
    WITHDRAWN = "withdrawn"
    """A line of the same instant about this key or secret doesn't hold: its transaction failed, or it was revived."""


class Revocation(NamedTuple):
    """
    A key that was deleted, or a secret that was replaced. `at` is when that was recorded, in UTC, `dead_from` the
    instant from which requests are refused. `secret` is the fingerprint of the secret's stored hash, None for a key.
    """

    kind: Kind
    public_id: str
    at: datetime
    dead_from: datetime
    secret: str | None = None

    def withdrawn(self) -> "Revocation":
        """
        The line that withdraws this one, and no earlier or later one: it has the same instant.

        Otherwise a deletion that failed would cancel an earlier one that the database has forgotten, or a later one
        of a host whose clock is behind.
        """
        return Revocation(Kind.WITHDRAWN, self.public_id, self.at, self.at, self.secret)


class DamagedLine(ValueError):
    """A line can't be read. The message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line: its number in its file, from 1, the checksum of the line before it, and its own."""

    revocation: Revocation
    number: int
    after: str
    checksum: str


def fingerprint(secret_hash: str) -> str:
    """
    Names a stored hash without revealing it: 32 hexadecimal digits of its SHA-256.

    The hash has 16 random bytes of salt and 32 of output, so it can't be guessed from its fingerprint. No server key
    is used, so that the journal stays useful when a server key is replaced.
    """
    return sha256(b"keydesk revoked secret " + secret_hash.encode()).hexdigest()[:32]


def encode(revocations: Iterable[Revocation], *, number: int, after: str) -> bytes:
    """The lines for these revocations. The first gets this number, and the checksum `after` of the line before."""
    lines = []
    for place, each in enumerate(revocations):
        body = {
            "v": VERSION,
            "n": number + place,
            "kind": each.kind.value,
            "key": each.public_id,
            "at": _written(each.at),
            **({} if each.dead_from == each.at else {"from": _written(each.dead_from)}),
            **({} if each.secret is None else {"secret": each.secret}),
            "after": after,
        }
        text = json.dumps(body, separators=(",", ":")).encode()
        after = _checksum(text[:-1])
        lines.append(text[:-1] + _BEFORE_CHECKSUM + after.encode() + _END + b"\n")
    return b"".join(lines)


def decode(text: bytes) -> Line:
    """Reads a line, with or without the line break at its end. Raises DamagedLine."""
    body, before, end = text.removesuffix(b"\n").rpartition(_BEFORE_CHECKSUM)
    if not before or len(end) != _CHECKSUM_LENGTH + len(_END) or not end.endswith(_END):
        raise DamagedLine("the line is cut or is not a line of this journal")
    checksum = end[:_CHECKSUM_LENGTH].decode(errors="replace")
    if _checksum(body) != checksum:
        raise DamagedLine("the line was changed: its checksum does not match")
    try:
        fields = json.loads(body + b"}")
        if fields["v"] != VERSION:
            raise DamagedLine("the line was written by a newer Keydesk. Update Keydesk")
        at = _read(fields["at"])
        revocation = Revocation(
            Kind(fields["kind"]),
            str(fields["key"]),
            at,
            _read(fields["from"]) if "from" in fields else at,
            fields.get("secret"),
        )
        return Line(revocation, int(fields["n"]), str(fields["after"]), checksum)
    except (KeyError, TypeError, ValueError) as error:
        raise error if isinstance(error, DamagedLine) else DamagedLine("the line is not complete") from None


class Revoked:
    """
    What a set of revocations comes to, whatever their order in the files.

    `deleted` has the instant of deletion by public id. `secrets` has, for each public id, the instant from which each
    fingerprint is dead. A withdrawal cancels the lines of its own instant.
    """

    def __init__(self, revocations: Sequence[Revocation]) -> None:
        withdrawn = {(each.public_id, each.secret, each.at) for each in revocations if each.kind is Kind.WITHDRAWN}
        self.deleted: dict[str, datetime] = {}
        self.secrets: dict[str, dict[str, datetime]] = {}
        for each in revocations:
            if each.kind is Kind.WITHDRAWN or (withdrawn and (each.public_id, each.secret, each.at) in withdrawn):
                continue
            if each.secret is None:
                known = self.deleted.get(each.public_id, each.dead_from)
                self.deleted[each.public_id] = min(known, each.dead_from)
            else:
                secrets = self.secrets.setdefault(each.public_id, {})
                secrets[each.secret] = min(each.dead_from, secrets.get(each.secret, each.dead_from))

    @property
    def secret_count(self) -> int:
        """The number of replaced secrets."""
        return sum(map(len, self.secrets.values()))


def _checksum(body: bytes) -> str:
    return sha256(body).hexdigest()[:16]


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _read(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without its zone")
    return instant.astimezone(UTC)
