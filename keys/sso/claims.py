"""Reads what an ID token says of a person: their name, whether their address is verified, their groups."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from keys.key_limit import valid_name
from keys.refusals import InvalidInput
from keys.sign_in.email_address import valid_email

ENTRA_HOSTS = frozenset({"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"})
ABOUT_ADDRESS = ("email", "email_verified", "xms_edov")
GROUPS_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Profile:
    """
    A person as the provider describes them.

    `verified_email` is None unless the provider says that the address is verified. `groups` is None if the claim is
    missing or is not a list: then memberships stay as they are.
    """

    subject: str
    name: str | None
    verified_email: str | None
    has_email: bool
    groups: frozenset[str] | None
    session: str | None


def profile_of(claims: Mapping[str, Any], *, issuer: str, groups_claim: str) -> Profile:
    """Reads the claims of an ID token that was checked."""
    email, session = claims.get("email"), claims.get("sid")
    return Profile(
        subject=str(claims["sub"]),
        name=_name(claims),
        verified_email=_address(email) if is_email_verified(claims, issuer) else None,
        has_email=isinstance(email, str) and bool(email),
        groups=groups_in(claims, groups_claim),
        session=session if isinstance(session, str) and session else None,
    )


def completed(claims: Mapping[str, Any], userinfo: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    The claims of an ID token, with those that only the userinfo endpoint has.

    What says that an address is verified counts only together with its address. A session is only in the ID token.
    """
    about_other_address = ABOUT_ADDRESS if "email" in claims else ()
    added = {name: value for name, value in userinfo.items() if name not in {"sid", *about_other_address}}
    kept = claims if "email" in claims else {name: claims[name] for name in claims if name not in ABOUT_ADDRESS}
    return {**added, **kept}


def groups_in(claims: Mapping[str, Any], path: str) -> frozenset[str] | None:
    """
    The groups at a dotted path, such as `realm_access.roles`; None if there is no list of names.

    A list with anything else in it, such as numbers or objects, is not understood, so it must not count as empty.

    A claim whose own name is the whole path comes first: some providers have claims with dots in their names.
    """
    found: object = claims.get(path)
    if found is None:
        found = claims
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, list) or len(found) > GROUPS_AT_MOST or not all(isinstance(each, str) for each in found):
        return None
    return frozenset(found)


def is_email_verified(claims: Mapping[str, Any], issuer: str) -> bool:
    """
    Whether the provider says that the address is verified. Some providers write the word instead of the value.

    Microsoft Entra ID has no `email_verified`; its optional claim `xms_edov` says that the domain's owner is verified.
    """
    if "email_verified" not in claims and urlsplit(issuer).hostname in ENTRA_HOSTS:
        return _is_true(claims.get("xms_edov"))
    return _is_true(claims.get("email_verified"))


def _address(email: object) -> str | None:
    """The address in its canonical form; None if it can't be one."""
    try:
        return valid_email(email) if isinstance(email, str) else None
    except InvalidInput:
        return None


def _name(claims: Mapping[str, Any]) -> str | None:
    """The first of the claims that can be a person's name here."""
    parts = " ".join(str(claims[part]) for part in ("given_name", "family_name") if isinstance(claims.get(part), str))
    for candidate in (claims.get("name"), parts, claims.get("preferred_username"), claims.get("nickname")):
        if isinstance(candidate, str):
            try:
                return valid_name(candidate[:64])
            except InvalidInput:
                continue
    return None


def _is_true(value: object) -> bool:
    return value is True or value in ("true", "1")
