"""How much a costly test tries: a part of it in every run, all of it with KEYDESK_TEST_THOROUGH=1."""

import os

IS_THOROUGH = bool(os.environ.get("KEYDESK_TEST_THOROUGH"))


def thorough(many: int, usually: int) -> int:
    """`many` in a thorough run, `usually` in any other."""
    return many if IS_THOROUGH else usually
