"""The sections of the documentation that answers refer to, as paths on this server."""

from keys.outcomes import OF_REASON
from models.usage.refused_request import RefusedReason

DOCUMENTATION = "/docs"
GETTING_STARTED = "/docs/guide/getting-started"
SCOPES = "/docs/guide/keys#scopes"
SLOTS = "/docs/guide/keys#ten-keys"
CREATE = "/docs/guide/keys#create"
RENAME = "/docs/guide/keys#rename"
ROTATE = "/docs/guide/keys#rotate"
DELETE = "/docs/guide/keys#delete"
SECRET = "/docs/guide/keys#the-secret"  # noqa: S105 - a path
EXPIRY = "/docs/guide/keys#no-expiry"
EXPOSED = "/docs/guide/keys#if-a-secret-got-out"
TOKEN_GOT_OUT = "/docs/guide/tokens#if-a-token-got-out"  # noqa: S105 - a path
ROLES = "/docs/guide/roles"
INVITING = "/docs/guide/people#inviting-somebody"
CHANGING_ROLES = "/docs/guide/people#changing-a-role"
REMOVING = "/docs/guide/people#removing-somebody"
SIGNING_IN = "/docs/guide/people#a-forgotten-password"
MAILS = "/docs/guide/people#a-mail-does-not-arrive"
MANAGING_AGENTS = "/docs/guide/people#agents"
ASKING_FOR_KEYS = "/docs/guide/people#asking-for-a-key"
USAGE = "/docs/guide/usage"
LIMITS = "/docs/guide/usage#two-limits"
REFUSED = "/docs/guide/usage#what-was-refused"
VERIFY = "/docs/guide/verify"
SENDING = "/docs/guide/verify#what-to-send"
AGENTS = "/docs/guide/verify#agents"
GATEWAY_TOKEN = "/docs/guide/verify#the-gateways-token"  # noqa: S105 - a path
AUDIT_LOG = "/docs/guide/keys#who-did-what"
GATEWAYS = "/docs/guide/gateways"
ASSISTANT = "/docs/guide/assistant"
ERRORS = "/docs/errors"
CORS = "/docs/errors#blocked-by-cors"
CORS_AT_GATEWAYS = "/docs/guide/gateways#browsers-and-cors"
WEBSOCKETS_AT_GATEWAYS = "/docs/guide/gateways#websockets"
WEBSOCKETS = "/docs/errors#websockets"
WITHOUT_BODY = "/docs/errors#an-answer-without-a-body"
GATEWAY_ERRORS = "/docs/errors#502-and-504"
AFTER_A_RESTORE = "/docs/errors#after-a-restore"
BACKUP = "/docs/guide/operating#backup"
SERVER_KEYS = "/docs/guide/operating#server-keys"


def of_refusal(reason: RefusedReason) -> str:
    """The section about the code of this refusal."""
    return f"{ERRORS}#{OF_REASON[reason].code}"
