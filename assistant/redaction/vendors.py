"""
Finds credentials of other vendors, and private keys, by their form.

The forms are the ones that the vendors document. The choice of vendors follows the rule lists of gitleaks (MIT) and
detect-secrets (Apache-2.0). Their patterns are not used, because they match only whole tokens in files; a token that
was cut short is still a secret, so these patterns are wider.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from assistant.redaction.decoding import View
from assistant.redaction.finding import MARKERS, Found, Kind
from assistant.redaction.randomness import is_prose

_W = "[0-9A-Za-z_-]"
_MORE = f"(?=[A-Za-z_-]{{0,40}}[0-9]){_W}"
VENDORS: tuple[tuple[str, str, str], ...] = (
    ("AWS key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{8,}"),
    ("AWS key", "ABSK", r"ABSK[0-9A-Za-z+/]{60,}={0,2}"),
    ("GitHub token", "gh github_pat_", r"gh[opusr]_[0-9A-Za-z._-]{10,}|github_pat_[0-9A-Za-z_]{10,}"),
    (
        "GitLab token",
        "gl GR1348941",
        rf"(?:gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|rtr|soat)|GR1348941)-{_W}{{8,}}",
    ),
    ("Anthropic key", "sk-ant-", rf"sk-ant-{_MORE}{{8,}}"),
    ("OpenAI key", "sk-", rf"sk-{_MORE}{{16,}}"),
    ("Slack token", "xox xapp-", rf"xox[a-z](?:\.[a-z]+)?-{_W}{{8,}}|xapp-\d-{_W}{{8,}}"),
    ("Slack webhook", "hooks.slack", rf"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[/{_W[1:]}{{8,}}"),
    ("Discord webhook", "/api/webhooks/", rf"discord(?:app)?\.com/api/webhooks/\d{{8,}}/{_W}{{8,}}"),
    ("Stripe key", "_live_ _test_ _prod_", r"(?:sk|rk|pk)_(?:live|test|prod)_[0-9A-Za-z]{8,}"),
    ("Stripe key", "whsec_", r"whsec_[0-9A-Za-z+/=]{16,}"),
    ("Google key", "AIza GOCSPX- 1//0", rf"AIza{_W}{{16,}}|GOCSPX-{_W}{{12,}}|1//0{_W}{{20,}}"),
    ("Google token", "ya29.", r"ya29\.[0-9A-Za-z._-]{16,}"),
    ("Twilio key", "SK", r"SK[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("SendGrid key", "SG.", rf"SG\.{_W}{{12,}}(?:\.{_W}+)?"),
    ("npm token", "npm_", r"npm_(?=[A-Za-z]{0,40}[0-9])[0-9A-Za-z]{12,}"),
    ("PyPI token", "pypi-", rf"pypi-AgE{_W}{{12,}}"),
    ("Docker token", "dckr_", rf"dckr_(?:pat|oat)_{_W}{{12,}}"),
    ("DigitalOcean token", "_v1_", r"do[opr]_v1_[0-9a-f]{16,}"),
    ("Hugging Face token", "hf_", r"hf_(?=[a-z]{0,40}[0-9A-Z])[0-9A-Za-z]{20,}"),
    ("Mailgun key", "key-", r"key-[0-9a-f]{32}(?![0-9A-Za-z])"),
    ("New Relic key", "NR", r"NR(?:AK|II|JS|BR)-[0-9A-Za-z_-]{12,}"),
    ("Notion token", "ntn_", r"ntn_[0-9A-Za-z]{20,}"),
    ("Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16,}"),
    ("Square token", "sq0 EAAA", rf"sq0[a-z]{{3}}-{_W}{{12,}}|EAAA{_W}{{40,}}"),
    ("Telegram token", ":AA", rf"\d{{8,10}}:AA{_W}{{30,}}"),
    ("Vault token", "hv", rf"hv[bsr]\.{_W}{{20,}}"),
    ("Databricks token", "dapi", r"dapi[0-9a-f]{32}"),
    ("Azure key", "Q~", r"[0-9A-Za-z_~.]{3}[0-9]Q~[0-9A-Za-z_~.-]{24,}"),
    ("age key", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[0-9A-Z]{16,}"),
    ("JWT", "ey", rf"ey[JA]{_W}{{6,}}\.{_W}{{6,}}(?:\.{_W}*){{0,4}}"),
)
"""For each form: the marker's text, the texts of which one must occur, and the pattern. The first that fits counts."""

_VENDORS = tuple((name, rare.split(), re.compile(rf"(?<![0-9A-Za-z])(?:{form})")) for name, rare, form in VENDORS)
_RARE = re.compile("|".join(sorted({re.escape(part) for _, rare, _ in VENDORS for part in rare.split()})))
_PRIVATE_KEY = re.compile(
    r"-----BEGIN[^-]{0,40}PRIVATE KEY[^-]{0,20}-----"
    r"(?:(?s:.{0,4000}?)-----END[^-]{0,80}-----"
    r"|(?:[\s>|+*#\d:\"',-]*+(?:[A-Za-z-]{1,20}: [^\n]{1,80}\n|[0-9A-Za-z+/=]{16,}))*+)"
)


def vendors(view: View) -> Iterator[Found]:
    """Yields credentials of other vendors, and private keys."""
    for name, match in _matches(view.text):
        yield Found(*view.span(*match.span()), Kind.VENDOR, f"[{name}]")
    yield from _private_keys(view)


def vendors_over_lines(broken: View) -> Iterator[Found]:
    """Yields credentials of other vendors in a view of words that were broken over lines (`lines.broken_words`)."""
    for name, match in _matches(broken.text):
        bounds = [match.start(), *sorted(gap for gap in broken.gaps if match.start() < gap < match.end()), match.end()]
        parts = [broken.text[a:b] for a, b in pairwise(bounds)]
        # The first word of the next line may belong to a sentence instead.
        last = next((at for at, part in enumerate(parts) if at and part.isalpha() and is_prose(part)), len(parts))
        yield Found(*broken.span(match.start(), bounds[last]), Kind.VENDOR, f"[{name}]")


def vendor_of(text: str) -> str | None:
    """The name for the marker if the whole text is a credential of another vendor, else None."""
    return next((name for name, match in _matches(text) if match.span() == (0, len(text))), None)


def _matches(text: str) -> Iterator[tuple[str, re.Match[str]]]:
    if _RARE.search(text) is None:
        return
    for name, rare, pattern in _VENDORS:
        if any(part in text for part in rare):
            for match in pattern.finditer(text):
                yield name, match


def _private_keys(view: View) -> Iterator[Found]:
    if "-----BEGIN" not in view.text:
        return
    for match in _PRIVATE_KEY.finditer(view.text):
        yield Found(*view.span(*match.span()), Kind.PRIVATE_KEY, MARKERS[Kind.PRIVATE_KEY])
