"""What to do about a pasted token of a program that was exposed."""

from assistant.explain import doc_links as sources
from assistant.explain.actions import whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.facts.facts import Facts, PastedKey
from assistant.language.text import say
from keys import policy
from keys.policy import Action
from keys.verification.malformed import Malformed
from keys.verification.malformed_rules import FormatError

TOKENS_OF_PROGRAMS = frozenset({FormatError.SERVICE_TOKEN, FormatError.OPERATOR_TOKEN})
GOT_OUT = say("Everybody who has the token can act with it. Revoke it first, then look at what was done with it.")


def leaked_token(facts: Facts, key: PastedKey, malformed: Malformed) -> Diagnosis:
    """Who can revoke the token, and where. Whether the token works is not looked up."""
    if malformed.error is FormatError.OPERATOR_TOKEN:
        what = say("An operator token")
        step = say("Tell the operator of this installation at once, who revokes it with: keydesk token revoke.")
    else:
        what = say("A service token")
        step = say("Ask an organization admin to revoke the service token, at once: {admins}.", admins=whom(facts))
        if policy.may_everywhere(facts.actor, Action.MANAGE_TOKENS, facts.organization.id):
            step = say("Find the token by its hint under Tokens, and revoke it: that takes effect at once.")
    evidence = (Fact(say("What was pasted"), key.hint or ""), Fact(say("What it is"), what))
    return Diagnosis(Case.KEY_EXPOSED, GOT_OUT, evidence, (step,), sources=(sources.TOKEN_GOT_OUT,))
