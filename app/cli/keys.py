"""Owns `keydesk key …` and `keydesk verify`."""

import secrets
import sys
from contextlib import contextmanager
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

import typer

from app.cli.forms import Form, allowance_form, key_form, key_words, minute
from app.cli.terminal import AsJson, Name, OrganizationOption, Workplace, clock, note, show, table, work
from keys.gate import Gate
from keys.hashing import KEY_PARAMETERS, HashingPool
from keys.issuer import Issuer
from keys.policy import operator
from keys.refusals import ApiKeyNotFound
from keys.token import ServerKeys
from keys.verdict import Outcome, Verdict, Wanted
from models.api_key import ApiKeyRecord
from models.database import Database
from models.ids import Prefix, external_id, parse_external_id
from models.verification import KeyReader, PostgresKeyReader, SqliteKeyReader
from resolvers import api_keys
from resolvers.api_keys import OVERLAP_SECONDS_AT_MOST, Deleted
from resolvers.desk import Desk, Issued, hint_of, scope_of
from resolvers.key_creation import create_api_key
from resolvers.operator import named_agent, named_organization
