"""
Whether browsers treat two origins as the same site.

The session cookie is SameSite=Lax, so browsers send it with the requests of pages of the same site only. A site is the
scheme and the registrable domain, which the Public Suffix List tells (HTML Living Standard, section "Same site").
"""

import ipaddress
from functools import cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList


def is_same_site(origin: str, other: str) -> bool:
    """Whether two origins, which are http or https URLs without a path, are of one site. Ports don't count."""
    one, another = urlsplit(origin), urlsplit(other)
    return one.scheme == another.scheme and _site(one.hostname or "") == _site(another.hostname or "")


def _site(host: str) -> str:
    """The registrable domain; the host itself if it is an address, a public suffix or a name without dots."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return _suffixes().privatesuffix(host.rstrip(".").lower()) or host


@cache
def _suffixes() -> PublicSuffixList:
    """The list that comes with the package. Reading it takes longer than most commands need for everything else."""
    return PublicSuffixList()
