"""
Checks API keys with Keydesk, and manages them from programs.

`Keydesk` and `AsyncKeydesk` check keys; `KeyManagement` and `AsyncKeyManagement` create, rotate, list and delete them.
`Provisioning` and `AsyncProvisioning` create your organizations, agents and people in Keydesk, and sign people in.
`keydesk_client.asgi`, `.fastapi` and `.litestar` guard an application, and `keydesk_client.testing` has a Keydesk for
tests.
"""

from keydesk_client.answers import Answer, Refused, Unavailable, Verified
from keydesk_client.graphql import KeydeskUnavailable, ManagementError, RequestRefused
from keydesk_client.management import ApiKey, AsyncKeyManagement, IssuedKey, KeyAlreadyIssued, KeyManagement, Secret
from keydesk_client.provisioning import AsyncProvisioning, Ensured, Provisioning, SignInLink
from keydesk_client.verification import AsyncKeydesk, Keydesk

__all__ = [
    "Answer",
    "ApiKey",
    "AsyncKeyManagement",
    "AsyncKeydesk",
    "AsyncProvisioning",
    "Ensured",
    "IssuedKey",
    "KeyAlreadyIssued",
    "KeyManagement",
    "Keydesk",
    "KeydeskUnavailable",
    "ManagementError",
    "Provisioning",
    "Refused",
    "RequestRefused",
    "Secret",
    "SignInLink",
    "Unavailable",
    "Verified",
]
