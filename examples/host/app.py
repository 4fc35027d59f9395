"""
A product with customers and an assistant that they call by API, and Keydesk inside of it: signing up creates the
customer in Keydesk, *API keys* opens the console without another password, and the product's API takes the keys.

It keeps everything in memory, so that this file shows nothing but the product and its four uses of Keydesk.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from html import escape
from typing import Annotated
from urllib.parse import parse_qsl, quote_plus

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from keydesk_client import (
    AsyncKeydesk,
    AsyncProvisioning,
    KeydeskUnavailable,
    ManagementError,
    RequestRefused,
    Verified,
)
from keydesk_client.fastapi import VerifiedKey, exception_handlers

PRODUCT_URL = os.environ["PRODUCT_URL"]
KEYDESK_URL = os.environ["KEYDESK_URL"]
ASSISTANT = "assistant"
"""The id of each customer's agent: unique among the customer's own."""

keydesk = AsyncKeydesk(KEYDESK_URL, os.environ["KEYDESK_GATEWAY_TOKEN"])
provisioning = AsyncProvisioning(KEYDESK_URL, os.environ["KEYDESK_OPERATOR_TOKEN"])


@dataclass(frozen=True)
class User:
    """Somebody who has signed up, with a company of their own. Both ids are the product's."""

    id: str
    customer_id: str
    company: str
    name: str
    email: str
    salt: bytes
    password: bytes


users: dict[str, User] = {}
"""By e-mail address."""
sessions: dict[str, User] = {}
"""By the value of the session cookie."""
organizations: dict[str, str] = {}
"""Keydesk's id of the organization, by the id of each user whom Keydesk has been told of."""


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Closes the connections to Keydesk at the end."""
    async with keydesk, provisioning:
        yield


app = FastAPI(lifespan=lifespan, exception_handlers=exception_handlers)


async def ensured(user: User) -> str:
    """1. The customer, the customer's agent and the user are in Keydesk. Until that is done, it can be called again."""
    if user.id in organizations:
        return organizations[user.id]  # from then on, the customer's admins decide there who may do what
    organization = await provisioning.ensure_organization(user.customer_id, user.company)
    await provisioning.ensure_agent(organization.id, ASSISTANT, "Assistant")
    await provisioning.ensure_member(
        organization.id, user.id, email=user.email, name=user.name, role="ORGANIZATION_ADMIN"
    )
    organizations[user.id] = organization.id
    return organization.id


@app.post("/sign-up")
async def sign_up(request: Request) -> RedirectResponse:
    """A new company and its first user. A product that people use mails a link to the address before it goes on."""
    form = await form_of(request)
    if form["email"] in users:
        return RedirectResponse("/?problem=This+address+has+an+account.", 303)
    salt = secrets.token_bytes(16)
    user = User(
        id=f"user-{secrets.token_hex(8)}",
        customer_id=f"customer-{secrets.token_hex(8)}",
        company=form["company"],
        name=form["name"],
        email=form["email"],
        salt=salt,
        password=hashed(form["password"], salt),
    )
    users[user.email] = user
    with suppress(ManagementError):  # then *API keys* does it, or says why it can't
        await ensured(user)
    return signed_in(user)


@app.post("/sign-in")
async def sign_in(request: Request) -> RedirectResponse:
    """A user who comes back."""
    form = await form_of(request)
    user = users.get(form["email"])
    if user is None or not hmac.compare_digest(user.password, hashed(form["password"], user.salt)):
        return RedirectResponse("/?problem=Address+or+password+is+wrong.", 303)
    return signed_in(user)


WHY = {
    "email": "There is an account for API keys with your address already. Ask us.",
    "externalId": "You may not see your company's API keys any more. Ask an admin of your company.",
}
"""What a user is told if Keydesk refuses a field: somebody else's account, or a user who was removed there."""


@app.post("/api-keys")
async def api_keys(request: Request) -> RedirectResponse:
    """2. Opens the console: the user is signed in there, and finds a way back."""
    user = sessions.get(request.cookies.get("product_session", ""))
    if user is None:
        return RedirectResponse("/", 303)
    try:
        link = await provisioning.create_sign_in_link(await ensured(user), user.id, return_url=f"{PRODUCT_URL}/")
    except KeydeskUnavailable:
        return RedirectResponse("/?problem=API+keys+are+not+available.+Try+again+in+a+minute.", 303)
    except RequestRefused as refused:
        if refused.field_name not in WHY:
            raise
        return RedirectResponse(f"/?problem={quote_plus(WHY[refused.field_name])}", 303)
    return RedirectResponse(link.url, 303, {"cache-control": "no-store"})


valid_key = VerifiedKey(keydesk, agent=f"ext:{ASSISTANT}")
"""3. The key is checked: for the agent of the customer whose key it is."""


@app.get("/api/assistant")
async def assistant(key: Annotated[Verified, Depends(valid_key)]) -> dict[str, str | None]:
    """The product's own API. 4. Keydesk says whose key it is, by the product's id."""
    user = next((each for each in users.values() if each.customer_id == key.organization_external_id), None)
    return {"answer": "42", "for": None if user is None else user.company}


@app.get("/", response_class=HTMLResponse)
async def home(request: Request, problem: str = "") -> str:
    """The page of a user, or the forms."""
    user = sessions.get(request.cookies.get("product_session", ""))
    said = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    if user is None:
        return PAGE.format(body=said + SIGN_UP + SIGN_IN)
    return PAGE.format(body=f"<h1>{escape(user.company)}</h1>{said}{HOME}")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; those that are missing are empty."""
    fields = dict(parse_qsl((await request.body()).decode()))
    return {name: fields.get(name, "").strip() for name in ("company", "name", "email", "password")}


def hashed(password: str, salt: bytes) -> bytes:
    """What is kept of a password."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


def signed_in(user: User) -> RedirectResponse:
    """The home page, with a session."""
    sessions[token := secrets.token_urlsafe(32)] = user
    response = RedirectResponse("/", 303)
    response.set_cookie(
        "product_session", token, httponly=True, samesite="lax", secure=PRODUCT_URL.startswith("https:")
    )
    return response


PAGE = '<!doctype html><html lang="en"><title>Product</title><link rel="icon" href="data:,"><body>{body}</body></html>'
FIELDS = '<label>E-mail <input name="email"></label> <label>Password <input name="password" type="password"></label>'
SIGN_UP = f"""<form method="post" action="/sign-up"><h1>Sign up</h1><label>Company <input name="company"></label>
<label>Name <input name="name"></label> {FIELDS} <button>Sign up</button></form>"""
SIGN_IN = f"""<form method="post" action="/sign-in"><h1>Sign in</h1>{FIELDS} <button>Sign in</button></form>"""
HOME = """<p>Your assistant is at /api/assistant.</p>
<form method="post" action="/api-keys"><button>API keys</button></form>"""
