"""The ways in which people can sign in, in the order in which the page for signing in offers them."""

from enum import StrEnum
from typing import NamedTuple

from keys.sign_in.passwords import PasswordUse

PASSWORD_LABEL = "E-mail address and password"  # noqa: S105 - a label
BREAK_GLASS_LABEL = "Password, for emergencies"
SSO_START = "/sso/start"


class Kind(StrEnum):
    """The kinds of ways."""

    PASSWORD = "password"  # noqa: S105 - a kind
    OPENID_CONNECT = "openid-connect"


class SignInMethod(NamedTuple):
    """A way to sign in: what its button says, and where it leads, if it leads to another page."""

    kind: Kind
    label: str
    path: str | None = None


def sign_in_methods(provider: str | None, passwords: PasswordUse) -> tuple[SignInMethod, ...]:
    """
    The ways, with the provider's name if there is a provider. A password comes first only if everybody may have one.
    """
    by_provider = () if provider is None else (SignInMethod(Kind.OPENID_CONNECT, provider, SSO_START),)
    match passwords:
        case PasswordUse.EVERYBODY:
            return (SignInMethod(Kind.PASSWORD, PASSWORD_LABEL), *by_provider)
        case PasswordUse.BREAK_GLASS:
            return (*by_provider, SignInMethod(Kind.PASSWORD, BREAK_GLASS_LABEL))
        case PasswordUse.NOBODY:
            return by_provider
