"""Makes the errors that clients get when a GraphQL request fails, and logs what clients must not see."""

import logging
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from graphql import FieldNode, GraphQLError

from app.observability.logs import failure_story
from app.observability.paced_log import Paced, more_words
from keys.refusals import Refusal
from keys.token import PATTERN
from schema.refusals import as_error

logger = logging.getLogger("keydesk.graphql")
FAILURES_A_MINUTE = 20
"""How many failures of one kind are logged. A client that finds a bug could otherwise fill the log by repeating it."""

MESSAGE_CHARACTERS = 500
SAID_BACK = re.compile(
    r"[,;] found: .*|(?<=value): .*|(?<=String) '.*'|(?<=Value) '.*'(?= does not exist)|" + PATTERN, re.DOTALL
)
"""Matches values that graphql-core's messages quote, and API keys that were pasted into a document."""


class Code(StrEnum):
    """The values of `extensions.code`."""

    BAD_REQUEST = "BAD_REQUEST"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PASSWORD_CHANGE_REQUIRED = "PASSWORD_CHANGE_REQUIRED"  # noqa: S105 - no password
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    TOO_COMPLEX = "TOO_COMPLEX"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


MEANT_FOR_CLIENTS = frozenset(Code) - {Code.INTERNAL_SERVER_ERROR}


class RequestRefused(Exception):
    """The HTTP request is refused as a whole, with an HTTP status that does not depend on the Accept header."""

    def __init__(
        self, status: int, message: str, *, code: Code = Code.BAD_REQUEST, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = tuple(headers)


class ExecutionRefused(Exception):
    """A GraphQL request whose operation is not executed, because of parsing, validation, variables or limits."""

    def __init__(self, code: Code, errors: Sequence[GraphQLError]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = errors


def refusal(code: Code, message: str) -> dict[str, Any]:
    """Makes a member of `errors` that is about the request as a whole."""
    return {"message": _clipped(message), "extensions": {"code": code}}


def located_refusal(code: Code, error: GraphQLError) -> dict[str, Any]:
    """Makes a member of `errors` that is about a place in the document. Values in its message are removed."""
    answer = refusal(code, without_values(error.message))
    answer["extensions"].update(error.extensions or {})
    if error.locations:
        answer["locations"] = [location.formatted for location in error.locations]
    return answer


def masked(request_id: str | None) -> dict[str, Any]:
    """Makes the error that a client gets for a bug: only the request id, so that the client can report it."""
    extensions: dict[str, Any] = {"code": Code.INTERNAL_SERVER_ERROR}
    if request_id is not None:
        extensions["requestId"] = request_id
    return {"message": "Something went wrong on our side.", "extensions": extensions}


class FailureLog:
    """Logs the failures of one endpoint: at most FAILURES_A_MINUTE of one kind in a minute."""

    def __init__(self) -> None:
        self._paced = Paced(of_a_kind=FAILURES_A_MINUTE, in_all=10 * FAILURES_A_MINUTE)

    def note(self, error: BaseException, where: str, request_id: str | None) -> None:
        """Logs where a failure happened and its traceback, without any text from the request."""
        left_out = self._paced.admits((where, type(error)))
        if left_out is not None:
            more = more_words(left_out)
            logger.error("GraphQL: %s failed, request %s%s\n%s", where, request_id or "-", more, failure_story(error))


def execution_errors(
    errors: Iterable[GraphQLError], request_id: str | None, failures: FailureLog
) -> list[dict[str, Any]]:
    """Makes the `errors` of an executed operation. Errors without one of the codes for clients are masked and logged.

    A field refuses by raising a Refusal, or a GraphQLError whose `extensions` have one of these codes. Its message and
    extensions reach the client unchanged, except that a message is cut at MESSAGE_CHARACTERS.
    """
    answers: list[dict[str, Any]] = []
    logged: set[tuple[type[BaseException], str]] = set()
    for error in errors:
        raised = error.original_error
        meant = (as_error(raised) if isinstance(raised, Refusal) else None) or error
        if _is_meant_for_clients(meant):
            answer: dict[str, Any] = {"message": _clipped(meant.message), "extensions": meant.extensions}
        elif _is_about_arguments(error):
            answer = refusal(Code.BAD_USER_INPUT, without_values(error.message))
        else:
            answer = masked(request_id)
            cause, field = error.original_error or error, _field_name(error)
            if (type(cause), field) not in logged:
                logged.add((type(cause), field))
                failures.note(cause, f"field {field}", request_id)
        if error.locations:
            answer["locations"] = [location.formatted for location in error.locations]
        if error.path is not None:
            answer["path"] = error.path
        answers.append(answer)
    return answers


def without_values(message: str) -> str:
    """
    Removes quoted values from a message of graphql-core.

    A value may be a misplaced password, and browsers log error messages.
    """
    return SAID_BACK.sub("", message)


def _clipped(message: str) -> str:
    """Cuts a message, because messages can quote the request, which may have a quarter of a megabyte."""
    return message if len(message) <= MESSAGE_CHARACTERS else message[:MESSAGE_CHARACTERS] + "…"


def _is_meant_for_clients(error: GraphQLError) -> bool:
    raised, code = error.original_error, (error.extensions or {}).get("code")
    return isinstance(raised, GraphQLError | None) and isinstance(code, str) and code in MEANT_FOR_CLIENTS


def _is_about_arguments(error: GraphQLError) -> bool:
    """Whether graphql-core found during execution that a variable's value is not allowed where it is used.

    This happens when null is sent for a variable with a default. The error has no code and is recognized only by the
    module that raised it.
    """
    raised = error.original_error or error
    frames = raised.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    module = frames.tb_frame.f_globals.get("__name__") if frames is not None else None
    return isinstance(raised, GraphQLError) and module == "graphql.execution.values"


def _field_name(error: GraphQLError) -> str:
    """The field's name in the schema. The path is not logged, because the client chooses the aliases in it."""
    node = error.nodes[0] if error.nodes else None
    return node.name.value if isinstance(node, FieldNode) else "-"
