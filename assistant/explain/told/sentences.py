"""The sentences about causes: what a sign in a message shows, and what to do about it."""

from collections.abc import Mapping

from assistant.explain.requests import MISTAKES
from assistant.intents.causes import Cause, Sign
from assistant.intents.entities import HeaderMistake
from assistant.language.text import Words, say

_TOLD: Mapping[Sign, tuple[Words, Words]] = {
    Sign.EMPTY_VARIABLE: (
        say("The variable for the key has no value where the program runs, so no key is sent."),
        say(
            "Set the variable where the program itself runs: a service, a container and a CI job each have their own "
            "environment. Then restart the program, because it reads the variable when it starts."
        ),
    ),
    Sign.NOT_SENT: (
        say("The request is sent without a key."),
        say("Add the header to this very request: a client may send its default headers only with other requests."),
    ),
    Sign.DROPPED_ON_THE_WAY: (
        say("The header with the key is dropped on the way."),
        say(
            "Let the proxy or web server pass the header on, or send the key as X-API-Key: some pass on only that one"
            ". "
            "Most programs drop Authorization when a redirect leads to another host: call the final address."
        ),
    ),
    Sign.WRONG_ARGUMENT: (
        say("The headers are given to the library under a name that it does not read."),
        say("In Python's requests and httpx, the argument is headers, with an s."),
    ),
    Sign.OTHER_HEADER: MISTAKES[HeaderMistake.OTHER_HEADER],
    Sign.IN_ADDRESS: MISTAKES[HeaderMistake.IN_ADDRESS],
    Sign.LINE_BREAK: (
        say("There is a line break in or after the key."),
        say(
            "Remove the line break where the key is read: strip() in Python, trim() in JavaScript and Java, TrimSpace"
            " in "
            "Go, tr -d '\\r\\n' in a shell. echo writes a line break into a file or a secret: use printf '%s' instead."
        ),
    ),
    Sign.WHITE_SPACE: (
        say("There is a space before, in or after the key."),
        say("Remove it where the key is stored, and strip the value where it is read."),
    ),
    Sign.QUOTED: (
        say("The quotes around the key are sent with it."),
        say("Write the value without quotes: docker --env-file and many other readers keep them as part of the value."),
    ),
    Sign.NOT_ASCII: (
        say("There are characters in the key that no header may have, such as curly quotes or a byte order mark."),
        say("Copy the key again as plain text, and save the file as UTF-8 without a byte order mark."),
    ),
    Sign.NO_BEARER: MISTAKES[HeaderMistake.NO_BEARER],
    Sign.BEARER_TWICE: MISTAKES[HeaderMistake.BEARER_TWICE],
    Sign.BEARER_WITHOUT_SPACE: (
        say("There is no space between the word Bearer and the key."),
        say("Write a space after Bearer: Authorization: Bearer KEY."),
    ),
    Sign.BEARER_IN_X_API_KEY: MISTAKES[HeaderMistake.BEARER_IN_X_API_KEY],
    Sign.OTHER_SCHEME: MISTAKES[HeaderMistake.OTHER_SCHEME],
    Sign.VARIABLE_NOT_REPLACED: MISTAKES[HeaderMistake.VARIABLE_NOT_REPLACED],
    Sign.CUT_SHORT: (
        say("A part of the key is missing."),
        say("Copy the whole key from where it was stored when it was created. Nobody can see it again in Keydesk."),
    ),
    Sign.HINT_OR_ID: (
        say("The hint, the id or the name of the key was sent, and not its secret."),
        say("Send the secret, which was shown once. If nobody stored it, rotate the key: it keeps its slot."),
    ),
    Sign.MASKED: (
        say("The key is masked: a part of it was replaced by other characters."),
        say("If only a log shows it so, look at what is sent. If the masked text was copied, copy the whole key."),
    ),
    Sign.BASE64: (
        say("The key is encoded in base64."),
        say("Send the key as it is. In Kubernetes, data takes base64 and stringData takes the key itself."),
    ),
    Sign.OTHER_VENDOR: (
        say("The key of another service is sent."),
        say("Send a key that was created here, and check which variable belongs to which service."),
    ),
    Sign.OTHER_INSTALLATION: (
        say("The key is of another installation, environment or organization."),
        say("Each installation knows only its own keys: use a key that was created where the request goes."),
    ),
    Sign.NAME_NOT_FOUND: (
        say("The host's name was not found, so no request was sent."),
        say("Compare the host in the program letter by letter with the address that you were given, and try nslookup."),
    ),
    Sign.NOT_CONNECTED: (
        say("The connection was refused or closed before there was an answer."),
        say("Check the host and the port, and whether the gateway runs there. A firewall may close connections, too."),
    ),
    Sign.TIMED_OUT: (
        say("There was no answer in time."),
        say("Look in the gateway's log for the request: it shows which server it waited for."),
    ),
    Sign.TLS: (
        say("The secure connection (TLS) failed, so no request was sent."),
        say(
            "Look at the certificate that the program gets: openssl s_client -connect HOST:443. Behind a company's "
            "proxy, the program must trust that proxy's certificate authority. Don't turn the check off."
        ),
    ),
    Sign.PROXY: (
        say("A proxy, a firewall or a VPN stands between the program and the gateway."),
        say("Ask the people who run it to let the gateway's address through, or set NO_PROXY for it."),
    ),
    Sign.BROWSER: (
        say("The browser stopped the call, and tells a page no reason."),
        say("Open the browser's console: it says whether it was CORS, the network or a certificate."),
    ),
    Sign.ANOTHER_ANSWERED: (
        say("The answer is not from Keydesk: ours have code and requestId in JSON."),
        say("Check the host and the path that are called: another service, a proxy or a web page answered."),
    ),
    Sign.OTHER_HOST: (
        say("The request goes to another address."),
        say("Call the address of the agent, behind the gateway, and restart the program after the change."),
    ),
}
WHAT: Mapping[Sign, Words] = {sign: what for sign, (what, _) in _TOLD.items()}
"""What each sign shows."""
HOW: Mapping[Sign, Words] = {sign: how for sign, (_, how) in _TOLD.items()}
"""What to do about it."""
REST: Mapping[Cause, tuple[Words, ...]] = {
    Cause.MISSING: (),
    Cause.MALFORMED: (),
    Cause.UNKNOWN: (
        say("Compare the key's hint (its beginning and its last four characters) with the list of keys."),
        say("Does the request go to the right installation? A key of a test installation does not work in production."),
    ),
    Cause.OTHER_ISSUER: (
        say("Compare the key's hint (its beginning and its last four characters) with the list of keys."),
    ),
    Cause.DELETED: (
        say("Find out by its hint which key the program sends, and give it another key. No key can be restored."),
    ),
    Cause.REPLACED: (
        say(
            "Find every place that has the old secret, such as variables, images, caches and CI settings, and give it "
            "the current one. Restart the programs: they keep the value that they read when they started."
        ),
        say("After a rotation, the secret before works only until the overlap ends."),
    ),
    Cause.WRONG_AGENT: (
        say("Use a key for the agent that is called, or an organization-level key. A key's scope can't be changed."),
        say("If it was the right agent, look at how the gateway sets X-Agent-Id from its route."),
    ),
    Cause.RATE: (
        say("Have the caller wait as long as the answer's Retry-After says, and spread its requests over the minute."),
        say("Tell me which key it is, by its name or hint, and I can say how much of its limit is left."),
    ),
    Cause.QUOTA: (
        say("Look at the code in the answer: rate_limited and quota_exceeded are both 429."),
        say("Tell me which key it is, by its name or hint, and I can say how much of its quota is left."),
    ),
    Cause.NETWORK: (
        say(
            "Does the failing answer have an X-Request-Id that begins with req_? With it I can tell you more. Without "
            "one, the answer is not from Keydesk."
        ),
    ),
}
"""What to do about a cause, whatever shows it."""
