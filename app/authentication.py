"""Finds the person behind a request by the session cookie, and signs people in and out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from app.client_address import Addresses, Headers
from app.tokens.last_seen import LastSeenWriter
from keys.refusals import PasswordChangeRequired, Unauthenticated
from keys.sign_in import sessions
from keys.sso import state
from keys.token import Secret
from models.engine.database import Database
from models.engine.reader import Reader
from resolvers import viewer
from resolvers.accept_invitation import Browser, accept_invitation
from resolvers.password_resets import request_password_reset, reset_password
from resolvers.provisioning.sign_in_links import Entered, enter
from resolvers.services import PeopleServices
from resolvers.sign_in_attempts import PasswordChecker
from resolvers.sso.sign_in import Arrival, sign_in_from_provider
from resolvers.tokens.authentication import AuthenticatedProgram
from resolvers.viewer import SignedIn, SignIn

SESSION_COOKIE = "keydesk_session"
DEVICE_COOKIE = "keydesk_device"
HOST_PREFIX = "__Host-"
SESSION_COOKIE_SECONDS = int(sessions.LIFETIME.total_seconds())
"""As long as a session can last. Whether it has ended earlier is decided on the server."""
SSO_COOKIE = "keydesk_sso"
SSO_COOKIE_SECONDS = int(state.LIFETIME.total_seconds())
DEVICE_COOKIE_SECONDS = 365 * 24 * 3600


class Cookies:
    """Makes Keydesk's cookies. Over https, they are Secure and have the prefix __Host-."""

    def __init__(self, public_url: str) -> None:
        self._is_secure = public_url.startswith("https://")
        prefix = HOST_PREFIX if self._is_secure else ""
        self.session, self.device = prefix + SESSION_COOKIE, prefix + DEVICE_COOKIE
        self.sso = prefix + SSO_COOKIE

    def session_header(self, token: Secret | None) -> tuple[bytes, bytes]:
        """The header that sets the session cookie or, for None, deletes it."""
        return self._header(self.session, token, SESSION_COOKIE_SECONDS)

    def device_header(self, value: Secret) -> tuple[bytes, bytes]:
        """The header that sets the device cookie (`keys.sign_in.device_cookie`)."""
        return self._header(self.device, value, DEVICE_COOKIE_SECONDS)

    def sso_header(self, value: Secret) -> tuple[bytes, bytes]:
        """The header that sets the cookie of a sign-in at the identity provider (`keys.sso.state`)."""
        return self._header(self.sso, value, SSO_COOKIE_SECONDS)

    def _header(self, name: str, value: Secret | None, seconds: int) -> tuple[bytes, bytes]:
        text, age = ("", 0) if value is None else (value.reveal(), seconds)
        secure = "; Secure" if self._is_secure else ""
        return b"set-cookie", f"{name}={text}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}".encode()


def read_cookies(headers: Headers) -> dict[str, str]:
    """
    Reads the request's cookies by name.

    Of cookies with the same name, the first counts, because browsers send the more specific one first (RFC 6265).
    """
    found: dict[str, str] = {}
    for name, value in headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                cookie, _, text = pair.strip().partition("=")
                if cookie:
                    found.setdefault(cookie, text)
    return found


@dataclass(slots=True)
class RequestIdentity:
    """
    The person behind one request, with the operations that sign in and out and change cookies.

    A GraphQL document may sign in and out several times; the answer's cookies are those of the last change.
    """

    _checker: PasswordChecker = field(repr=False)
    _cookies: Cookies
    _clock: Callable[[], datetime]
    _changes: "SessionChanges" = field(repr=False)
    address: str | None
    signed_in: SignedIn | None
    _token: str | None = field(repr=False)
    _device_cookie: str | None = field(repr=False)
    _answered: dict[str, tuple[bytes, bytes]] = field(default_factory=dict, repr=False)

    async def sign_in(self, email: str, password: str) -> SignedIn:
        """Signs a person in by e-mail address and password, and sets the cookies. Raises SignInRefused."""
        begun = await viewer.sign_in(
            self._checker,
            email=email,
            password=password,
            address=self.address,
            device_cookie=self._device_cookie,
            presented_token=self._token,
            now=self._clock(),
        )
        self._begin(begun)
        return begun.signed_in

    async def accept_invitation(self, token: str, name: str | None, password: str | None) -> SignedIn:
        """
        Joins the organization of an invitation and signs in.

        Raises LinkNotValid, InvalidInput, SignInRefused and TooManyRequests.
        """
        accepted = await accept_invitation(
            self._checker, self._browser(), token=token, name=name, password=password, now=self._clock()
        )
        if accepted.new is not None:
            self._begin(accepted.new)
            return accepted.new.signed_in
        # The same session, with the new membership.
        session_id = accepted.signed_in.session_id
        again = await viewer.still_signed_in(self._checker.reader, session_id, now=self._clock(), address=self.address)
        if again is None:
            raise Unauthenticated
        self.signed_in = again
        return again

    async def request_password_reset(self, services: PeopleServices, email: str) -> None:
        """Mails a link to this address if it has an account."""
        await request_password_reset(services, self._checker, email, address=self.address)

    async def reset_password(self, token: str, new_password: str) -> SignedIn:
        """Sets the password by a link and signs in. Raises LinkNotValid, InvalidInput and TooManyRequests."""
        begun = await reset_password(
            self._checker, self._browser(), token=token, new_password=new_password, now=self._clock()
        )
        self._begin(begun)
        return begun.signed_in

    async def sign_in_from_provider(self, arrival: Arrival) -> None:
        """
        Signs in somebody whom the identity provider has identified, and sets the cookies.

        Raises AlreadyCompleted, NotAdmitted and LinkNotValid.
        """
        self._begin(await sign_in_from_provider(self._checker, self._browser(), arrival, now=self._clock()))

    async def enter(self, token: str, *, replaces_session: bool) -> Entered:
        """
        Signs a member in by a host product's link. Raises LinkNotValid, and OtherPersonSignedIn unless the session of
        somebody else may be replaced.
        """
        entered = await enter(
            self._checker, self._browser(), token=token, replaces_session=replaces_session, now=self._clock()
        )
        self._begin(entered.sign_in)
        return entered

    async def sign_out(self) -> None:
        """Ends the session, if there is one, and deletes its cookie."""
        if self._token is not None:
            await viewer.sign_out(self._checker.database, self._token)
            self._answered["session"] = self._cookies.session_header(None)
        self._tell()
        self._token = self.signed_in = None

    async def change_password(self, signed_in: SignedIn, current_password: str, new_password: str) -> SignedIn:
        """
        Changes the person's password, and renews the session's token and cookie.

        Raises InvalidInput, Unauthenticated and TooManyRequests.
        """
        changed = await viewer.change_password(
            self._checker, signed_in, current_password=current_password, new_password=new_password, now=self._clock()
        )
        self._token, self.signed_in = changed.token.reveal(), changed.signed_in
        self._answered["session"] = self._cookies.session_header(changed.token)
        self._tell()
        return self.signed_in

    def standing_changed(self, person_id: UUID) -> None:
        """Ends the streams of a person whose role or sessions have changed, where they no longer hold."""
        self._changes.tell(person_id)

    @property
    def program(self) -> AuthenticatedProgram | None:
        """None: a person, or nobody, is behind the request."""
        return None

    def right(self) -> "SessionRight":
        """The right by which a stream goes on. Raises Unauthenticated and PasswordChangeRequired."""
        if self.signed_in is None:
            raise Unauthenticated
        if self.signed_in.password_change_required:
            raise PasswordChangeRequired
        return SessionRight(self._checker.reader, self.signed_in, self._clock, self._changes)

    def answer_headers(self) -> list[tuple[bytes, bytes]]:
        """The Set-Cookie headers of the answer."""
        return list(self._answered.values())

    def _browser(self) -> Browser:
        return Browser(self.address, self._device_cookie, self._token, self.signed_in)

    def _begin(self, begun: SignIn) -> None:
        """Sets the cookies of a new session."""
        self._tell()
        self._token, self._device_cookie = begun.token.reveal(), begun.device_cookie.reveal()
        self._answered["session"] = self._cookies.session_header(begun.token)
        self._answered["device"] = self._cookies.device_header(begun.device_cookie)
        self.signed_in = begun.signed_in
        self._tell()

    def _tell(self) -> None:
        if self.signed_in is not None:
            self._changes.tell(self.signed_in.person.id)


class SessionChanges:
    """Notifies listeners in this process when sessions of a person may have ended."""

    def __init__(self) -> None:
        self._hearing: dict[UUID, list[Callable[[], None]]] = {}

    @contextmanager
    def on_revocation(self, person_id: UUID, call: Callable[[], None]) -> Iterator[None]:
        """While the context is open, calls `call` whenever the person's sessions may have ended."""
        calls = self._hearing.setdefault(person_id, [])
        calls.append(call)
        try:
            yield
        finally:
            calls.remove(call)
            if not calls:
                del self._hearing[person_id]

    def tell(self, person_id: UUID) -> None:
        """Calls the listeners for this person."""
        for call in self._hearing.get(person_id, ()):
            call()


@dataclass(frozen=True, slots=True)
class SessionRight:
    """
    The right to a stream that was requested in a session.

    It holds while the session lasts and the person's roles are the same as at the request. It belongs to the session,
    not to the token in its cookie: changing the password renews the token, but ends no stream.
    """

    _reader: Reader = field(repr=False)
    _asked_by: SignedIn
    _clock: Callable[[], datetime]
    _changes: SessionChanges = field(repr=False)

    @property
    def owner(self) -> UUID:
        """The person's id."""
        return self._asked_by.person.id

    async def still_holds(self) -> bool:
        """Checks with one query whether the right still holds."""
        asked_by, address = self._asked_by, self._asked_by.actor.address
        session_id = asked_by.session_id
        now = await viewer.still_signed_in(self._reader, session_id, now=self._clock(), address=address)
        return now is not None and _standing(now) == _standing(asked_by)

    def on_revocation(self, call: Callable[[], None]) -> AbstractContextManager[None]:
        """While the context is open, calls `call` when the person signs in or out or changes the password here."""
        return self._changes.on_revocation(self.owner, call)


def _standing(signed_in: SignedIn) -> tuple[object, ...]:
    return signed_in.session_id, signed_in.actor, signed_in.password_change_required


class Identity:
    """Finds the person behind each request."""

    def __init__(
        self, checker: PasswordChecker, *, addresses: Addresses, public_url: str, clock: Callable[[], datetime]
    ) -> None:
        self._checker = checker
        self._addresses = addresses
        self._cookies = Cookies(public_url)
        self._clock = clock
        self._changes = SessionChanges()
        self._seen = LastSeenWriter(partial(_note_seen, checker.database), "sign-in sessions")

    async def visit(self, scope: Mapping[str, Any]) -> RequestIdentity:
        """Reads the person from an ASGI scope. Takes one query if there is a session cookie, else none."""
        headers, peer = scope["headers"], scope.get("client")
        cookies, now = read_cookies(headers), self._clock()
        address = self._addresses.of(headers, None if peer is None else peer[0])
        token = cookies.get(self._cookies.session)
        signed_in = (
            None if token is None else await viewer.signed_in(self._checker.reader, token, now=now, address=address)
        )
        if signed_in is not None and sessions.is_to_be_noted(signed_in.last_seen_at, now):
            self._seen.note(signed_in.session_id, now)
        device = cookies.get(self._cookies.device)
        return RequestIdentity(
            self._checker, self._cookies, self._clock, self._changes, address, signed_in, token, device
        )

    def standing_changed(self, person_id: UUID) -> None:
        """Ends the streams of a person whose role or sessions have changed, where they no longer hold."""
        self._changes.tell(person_id)

    async def close(self) -> None:
        """Waits until the last uses of sessions are stored."""
        await self._seen.close()


async def _note_seen(database: Database, session_id: UUID, now: datetime) -> None:
    await viewer.note_seen(database, session_id, now=now)
