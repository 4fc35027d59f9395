"""The pages that people see if a sign-in at the identity provider does not succeed."""

from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from app.pages.layout import Layout

AGAIN = "/sso/start?prompt=login"
OVER = (
    "This sign-in can't be completed: it was begun in another browser, was completed already, or took more than 10 "
    "minutes. If your browser blocks cookies, allow them for this site."
)
UNREACHABLE = "The sign-in service {provider} can't be reached, or does not answer as it should. Try again in a minute."
NOT_SIGNED_IN = "{provider} has not signed you in."
CODE_REFUSED = "{provider} does not accept this sign-in any more. It may have taken too long. Try again."
NOT_TRUSTED = "What {provider} sent can't be trusted, so you were not signed in. The server's log says why."
MIXED_UP = "This answer does not come from {provider}, so you were not signed in."
LINK_NOT_VALID = (
    "The invitation is not valid any more. It was used, replaced or revoked, or it has expired. Ask the person who "
    "invited you to send it again."
)


@dataclass(frozen=True, slots=True)
class SignInPages:
    """Makes the pages. `provider` is its name; `has_passwords` says whether anybody may use a password."""

    layout: Layout
    provider: str
    has_passwords: bool

    def unreachable(self, back: str) -> str:
        """The provider does not answer."""
        return self.failure("The sign-in service can't be reached", UNREACHABLE, back=back, ask_operator=True)

    def not_admitted(self, sentence: str, *, ask_operator: bool) -> str:
        """The provider knows the person, and they have no account here: perhaps they have another one there."""
        start = f'<a href="{AGAIN}">Use another account at {escape(self.provider)}</a>'
        return self._page("You are not signed in", sentence, [start], ask_operator=ask_operator)

    def failure(self, title: str, sentence: str, *, back: str = "/", ask_operator: bool = False) -> str:
        """A page with the sentence, in which {provider} is replaced, and with what the person can do."""
        start = escape(f"/sso/start?return={quote(back, safe='')}")
        ways = [f'<a href="{start}">Try again with {escape(self.provider)}</a>']
        return self._page(title, sentence, ways, ask_operator=ask_operator)

    def _page(self, title: str, sentence: str, ways: list[str], *, ask_operator: bool) -> str:
        if self.has_passwords:
            ways = [*ways, '<a href="/sign-in">Sign in in another way</a>']
        text = f"<p>{escape(sentence.replace('{provider}', self.provider))}</p>\n"
        text += "".join(f"<p>{way}</p>\n" for way in ways)
        if ask_operator:
            text += f"<p>{self._whom_to_ask()}</p>\n"
        return self.layout.document(title, f"<h1>{escape(title)}</h1>\n{text}", is_alone=True)

    def _whom_to_ask(self) -> str:
        if self.layout.support_email is None:
            return "If it happens again, ask the operator of this server."
        return "If it happens again, write to the address below."
