"""What is read of a person: groups at a path, whether the address is verified, a name."""

from typing import Any

import pytest

from keys.sso.claims import completed, groups_in, profile_of

ISSUER = "https://id.example"
ENTRA = "https://login.microsoftonline.com/0000/v2.0"


def profile(issuer: str = ISSUER, path: str = "groups", **claims: Any) -> Any:
    return profile_of({"sub": "ada", **claims}, issuer=issuer, groups_claim=path)


@pytest.mark.parametrize(
    ("claims", "path", "groups"),
    [
        ({"groups": ["a", "b", "a"]}, "groups", {"a", "b"}),
        ({"groups": []}, "groups", set()),
        ({"groups": ["a", 1, None, ["b"], {}]}, "groups", None),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"a": {"b": {"c": ["x"]}}}, "a.b.c", {"x"}),
        ({"https://keys.example/groups": ["a"]}, "https://keys.example/groups", {"a"}),
        ({"a.b": ["flat"], "a": {"b": ["deep"]}}, "a.b", {"flat"}),
        ({}, "groups", None),
        ({"groups": "a"}, "groups", None),
        ({"groups": {"a": True}}, "groups", None),
        ({"groups": None}, "groups", None),
        ({"realm_access": ["roles"]}, "realm_access.roles", None),
        ({"realm_access": {"other": []}}, "realm_access.roles", None),
        ({"_claim_names": {"groups": "src1"}}, "groups", None),
        ({"groups": ["a"] * 10_001}, "groups", None),
    ],
)
def test_groups_are_a_list_at_a_path(claims: dict[str, Any], path: str, groups: set[str] | None) -> None:
    """An empty list is something else than no list."""
    assert groups_in(claims, path) == groups
    assert profile(path=path, **claims).groups == groups


@pytest.mark.parametrize(
    ("issuer", "claims", "is_verified"),
    [
        (ISSUER, {"email_verified": True}, True),
        (ISSUER, {"email_verified": "true"}, True),
        (ISSUER, {"email_verified": False}, False),
        (ISSUER, {"email_verified": "false"}, False),
        (ISSUER, {"email_verified": [True]}, False),
        (ISSUER, {"email_verified": {}}, False),
        (ISSUER, {}, False),
        (ISSUER, {"xms_edov": True}, False),
        (ENTRA, {"xms_edov": True}, True),
        (ENTRA, {"xms_edov": "1"}, True),
        (ENTRA, {"xms_edov": "0"}, False),
        (ENTRA, {}, False),
        (ENTRA, {"xms_edov": True, "email_verified": False}, False),
        ("https://login.microsoftonline.com.evil.example/", {"xms_edov": True}, False),
    ],
)
def test_an_address_counts_if_the_provider_says_that_it_is_verified(
    issuer: str, claims: dict[str, Any], is_verified: bool
) -> None:
    """In the form in which addresses are stored."""
    found = profile(issuer, email="Ada@Example.COM", **claims)

    assert found.verified_email == ("ada@example.com" if is_verified else None)
    assert found.has_email


@pytest.mark.parametrize("email", [None, "", "ada", "ada@", "a b@example.com", 5, ["ada@example.com"], "x" * 300])
def test_what_is_no_address_is_not_verified(email: object) -> None:
    """Whatever the provider says."""
    assert profile(email=email, email_verified=True).verified_email is None


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ada Lovelace", "nickname": "a"}, "Ada Lovelace"),
        ({"given_name": "Ada", "family_name": "Lovelace"}, "Ada Lovelace"),
        ({"family_name": "Lovelace"}, "Lovelace"),
        ({"preferred_username": "ada"}, "ada"),
        ({"name": "  "}, None),
        ({"name": "\u200b", "nickname": "ada"}, "ada"),
        ({"name": 5}, None),
        ({"name": "x" * 500}, "x" * 64),
        ({}, None),
    ],
)
def test_a_name_is_one_that_may_be_a_name_here(claims: dict[str, Any], name: str | None) -> None:
    """The first of the usual claims."""
    assert profile(**claims).name == name


def test_a_session_is_a_text() -> None:
    """Or there is none."""
    assert profile(sid="s").session == "s"
    assert {profile(sid=each).session for each in (None, "", 5)} == {None}


def test_the_userinfo_endpoint_completes_an_id_token() -> None:
    """It verifies no address but its own, and names no session."""
    info = {"email": "a@b.example", "email_verified": True, "name": "Ada", "sid": "s"}

    assert completed({"sub": "a"}, info) == {"sub": "a", "email": "a@b.example", "email_verified": True, "name": "Ada"}
    assert completed({"sub": "a", "email": "x@y.example"}, info) == {"sub": "a", "email": "x@y.example", "name": "Ada"}


@pytest.mark.parametrize("groups", [[12, 34], [{"value": "a"}], ["a", 5], ["a", None]])
def test_a_list_that_is_not_of_names_takes_nothing_away(groups: object) -> None:
    """Only an empty list does: what is not understood changes nothing."""
    assert profile(groups=groups).groups is None
    assert profile(groups=[]).groups == frozenset()


def test_an_id_token_verifies_no_address_of_the_userinfo_endpoint() -> None:
    """What says that an address is verified counts only together with its address."""
    info = {"email": "v@corp.example", "email_verified": False}

    assert completed({"sub": "a", "email_verified": True, "xms_edov": True}, info) == {"sub": "a", **info}
