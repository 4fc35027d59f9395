"""Diagnoses of refused requests, of pasted headers, and of reasons for a refusal that concern no key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import contact
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.refusals import agent_not_in_scope, deleted, quota_exceeded, rate_limited, replaced
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts, KeyFacts, RefusalFacts, RequestFacts
from assistant.intents.entities import HeaderMistake
from assistant.intents.topics import Topic
from assistant.language.recorded import malformed_detail
from assistant.language.text import Text, listed, say, sentences
from keys.outcomes import OF_REASON
from models.usage.refused_request import RefusedReason

HOW_TO_SEND = say("Send the whole key as: Authorization: Bearer KEY, or as: X-API-Key: KEY.")
TRY_IT = say('To try it: curl -i -H "Authorization: Bearer $KEY" and the address, with the key in the variable KEY.')

HOSTS_TOLD = 3

MISTAKES: Mapping[HeaderMistake, tuple[Text, Text]] = {
    HeaderMistake.NO_BEARER: (
        say("The header Authorization has the key without the word Bearer before it."),
        say("Write Authorization: Bearer KEY."),
    ),
    HeaderMistake.BEARER_TWICE: (
        say("The word Bearer is there twice."),
        say("Write it once: some programs add it by themselves."),
    ),
    HeaderMistake.OTHER_SCHEME: (
        say("The scheme in the header Authorization is not Bearer."),
        say("Write Authorization: Bearer KEY."),
    ),
    HeaderMistake.BEARER_IN_X_API_KEY: (
        say("The header X-API-Key has the word Bearer in it."),
        say("Write X-API-Key: KEY, with only the key."),
    ),
    HeaderMistake.OTHER_HEADER: (
        say("The key is in a header that is not read."),
        say("The key is read only from Authorization and X-API-Key."),
    ),
    HeaderMistake.QUOTED: (
        say("There are quotes within the header's value."),
        say("Send the key without quotes around it."),
    ),
    HeaderMistake.IN_ADDRESS: (
        say("The key is in the URL, where it is never read, and which is stored in logs."),
        say("Send it in a header instead. Other people can read the URL in logs, so rotate the key."),
    ),
    HeaderMistake.NOTHING_SENT: (
        say("There is nothing where the key should be."),
        say("Check that the variable for the key is set where the program runs."),
    ),
    HeaderMistake.VARIABLE_NOT_REPLACED: (
        say("The name of a variable, or a placeholder, was sent instead of the key."),
        say("Check that the variable is set and is replaced: a shell does not replace it in single quotes."),
    ),
}
"""What is wrong with a pasted header, and what to write instead."""
_NOT_SENT = frozenset({HeaderMistake.NOTHING_SENT, HeaderMistake.OTHER_HEADER, HeaderMistake.IN_ADDRESS})

_MAY_BE_ELSEWHERE = frozenset({Case.KEY_WORKS, Case.NO_REQUESTS_SEEN, Case.KEY_UNKNOWN, Case.NEEDS_DETAILS})


def found(facts: Facts, request: RequestFacts) -> Diagnosis:
    """Why this request was refused."""
    refusal, outcome = request.refusal, OF_REASON[request.refusal.reason]
    diagnosis = explained(facts, refusal.reason, request.key, refusal, request.detail)
    asked = Fact(
        say("The request"),
        say(
            "{request}, refused with {status}: {reason}",
            request=refusal.id,
            status=str(outcome.status),
            reason=words.REASONS[refusal.reason],
        ),
        refusal.at,
    )
    return replace(diagnosis, evidence=(asked, *diagnosis.evidence))


def not_found(facts: Facts) -> Diagnosis:
    """There is no refused request with this id, or the person may not see it. Both get the same answer."""
    return Diagnosis(
        Case.NEEDS_DETAILS,
        say("There is no refused request with this id that you are allowed to see."),
        (Fact(say("Looked for"), say("the request {request}", request=facts.request_sought or ""), facts.now),),
        (
            say("Copy the complete id from the answer's requestId or its header X-Request-Id: it begins with req_."),
            say(
                "An answer without such an id did not come from Keydesk: check the host that was called, "
                "and the proxies in between."
            ),
            say("Only refused requests are kept, for 90 days. Requests that passed are counted in the key's usage."),
            say("Or tell me which key it is, by its name or hint. I never need the secret."),
        ),
        replies=(
            *((suggest(Topic.CALL_FAILS, say("Which key is in trouble?")),) if facts.manages else ()),
            suggest(Topic.HOW_CALL, say("How do I send a key?")),
            suggest(Topic.HUMAN, say("A person, please")),
        ),
        sources=(sources.ERRORS,),
    )


def malformed(said: str | None, given: str | None = None) -> Diagnosis:
    """The text that was sent does not have the form of a key."""
    detail = say("It does not have the form of a key.") if said is None else malformed_detail(said)
    evidence = [] if given is None else [Fact(say("What was given"), given)]
    return Diagnosis(
        Case.KEY_MALFORMED,
        sentences(say("The text that was sent is not a valid key."), detail),
        (*evidence, Fact(say("What is wrong with it"), detail)),
        (
            say(
                "Copy the complete key from where it was stored when it was created, without quotes, "
                "spaces or line breaks."
            ),
            HOW_TO_SEND,
            TRY_IT,
            say("If the secret is lost, it can't be shown again: rotate the key, which keeps its slot."),
        ),
        replies=(suggest(Topic.LOST_SECRET, say("The secret is lost")),),
        sources=(sources.of_refusal(RefusedReason.MALFORMED_KEY), sources.SENDING),
    )


def missing(detail: str | None) -> Diagnosis:
    """The request contained no key."""
    return Diagnosis(
        Case.KEY_MISSING,
        say("The request contained no key: the header is wrong, not the key."),
        (Fact(say("What was seen"), detail or say("Neither Authorization: Bearer nor X-API-Key.")),),
        (
            HOW_TO_SEND,
            say("Is the variable for the key empty where the program runs?"),
            say("Does a proxy or a redirect on the way drop the header Authorization? Then send X-API-Key."),
            TRY_IT,
        ),
        replies=(suggest(Topic.HOW_CALL, say("How do I send a key?")),),
        sources=(sources.of_refusal(RefusedReason.MISSING_KEY), sources.SENDING),
    )


def unknown(given: str | None = None) -> Diagnosis:
    """The text has the form of a key, but was not issued here. The answer is the same whatever the reason."""
    return Diagnosis(
        Case.KEY_UNKNOWN,
        say(
            "The key has the right form, but it was not issued here: it may be mistyped, altered, made "
            "up, another installation's, or of an organization that you are not in."
        ),
        () if given is None else (Fact(say("What was given"), given),),
        (
            say(
                "Compare its hint (its beginning and its last four characters) with the list of keys, or "
                "ask an admin to do it."
            ),
            say(
                "Does the request go to the right installation? A key of a test installation does not work "
                "in production."
            ),
            say("If you don't know where it comes from, use another key."),
        ),
        replies=(suggest(Topic.KEY_LIST, say("Which keys are there?")),),
        sources=(sources.of_refusal(RefusedReason.UNKNOWN_KEY), sources.SENDING),
    )


def unavailable(_detail: str | None = None) -> Diagnosis:
    """Verification was not available."""
    return Diagnosis(
        Case.SERVICE_UNAVAILABLE,
        say("Verification was not available at that moment. The key is not the cause."),
        steps=(
            say("Try again after a few seconds, as the answer's Retry-After says."),
            say("If it continues, send the operator of this installation a request id."),
        ),
        offers=(contact(),),
        sources=(sources.of_refusal(RefusedReason.UNAVAILABLE),),
    )


def gateway_not_allowed(_detail: str | None = None) -> Diagnosis:
    """The request did not come through the operator's gateway."""
    return Diagnosis(
        Case.GATEWAY_NOT_ALLOWED,
        say("The request did not come through the gateway: callers must not call verification directly."),
        steps=(
            say("Call the agent's address, behind the gateway, not /v1/verify itself."),
            say("If you did that, the gateway does not send its token: tell the operator of this installation."),
        ),
        offers=(contact(),),
        sources=(sources.of_refusal(RefusedReason.GATEWAY_NOT_ALLOWED), sources.GATEWAY_TOKEN),
    )


def header_mistakes(mistakes: Sequence[HeaderMistake]) -> Diagnosis:
    """The pasted request sends its key in a wrong way."""
    told = [MISTAKES[each] for each in mistakes]
    is_missing = mistakes[0] in _NOT_SENT
    return Diagnosis(
        Case.KEY_MISSING if is_missing else Case.KEY_MALFORMED,
        told[0][0],
        tuple(Fact(say("In what you pasted"), what) for what, _ in told),
        (*(how for _, how in told), HOW_TO_SEND, TRY_IT),
        replies=(suggest(Topic.HOW_CALL, say("How do I send a key?")),),
        sources=(
            sources.of_refusal(RefusedReason.MISSING_KEY if is_missing else RefusedReason.MALFORMED_KEY),
            sources.SENDING,
        ),
    )


def called(diagnosis: Diagnosis, hosts: Sequence[str]) -> Diagnosis:
    """Adds the hosts in the pasted text to a diagnosis if the call may have gone to another server."""
    if not hosts or diagnosis.case not in _MAY_BE_ELSEWHERE:
        return diagnosis
    told = listed([words.sanitize(each) for each in hosts[:HOSTS_TOLD]])
    return replace(
        diagnosis,
        evidence=(*diagnosis.evidence, Fact(say("Called, by what you pasted"), told)),
        steps=(
            *diagnosis.steps,
            say("What you pasted calls {hosts}: is that an address whose gateway asks here?", hosts=told),
        ),
    )


_OF_A_KEY: Mapping[RefusedReason, Callable[[Facts, KeyFacts, RefusalFacts | None], Diagnosis]] = {
    RefusedReason.DELETED_KEY: deleted,
    RefusedReason.REPLACED_SECRET: replaced,
    RefusedReason.AGENT_NOT_IN_SCOPE: agent_not_in_scope,
    RefusedReason.RATE_LIMITED: rate_limited,
    RefusedReason.QUOTA_EXCEEDED: quota_exceeded,
}
_OF_NO_KEY: Mapping[RefusedReason, Callable[[str | None], Diagnosis]] = {
    RefusedReason.MISSING_KEY: missing,
    RefusedReason.MALFORMED_KEY: malformed,
    RefusedReason.UNKNOWN_KEY: lambda _detail: unknown(),
    RefusedReason.GATEWAY_NOT_ALLOWED: gateway_not_allowed,
    RefusedReason.UNAVAILABLE: unavailable,
}


def explained(
    facts: Facts,
    reason: RefusedReason,
    key: KeyFacts | None = None,
    refusal: RefusalFacts | None = None,
    detail: str | None = None,
) -> Diagnosis:
    """Explains why requests are refused for this reason. `refusal` is set if the question is about a single request."""
    if key is not None and reason in _OF_A_KEY:
        return _OF_A_KEY[reason](facts, key, refusal)
    return _OF_NO_KEY[reason](detail)
