"""Request ids are unguessable and never repeat, also in processes that were forked."""

import multiprocessing
import re

from app.request_id import new_request_id

NUMBER = 200


def test_ids_do_not_repeat() -> None:
    """More of them than are made at once."""
    made = [new_request_id() for _ in range(NUMBER)]

    assert len({*made}) == NUMBER
    assert all(re.fullmatch("req_[0-9a-f]{32}", each) for each in made)


def test_a_forked_process_makes_its_own_ids() -> None:
    """It does not use those that its parent has ready."""
    new_request_id()
    with multiprocessing.get_context("fork").Pool(1) as forked:
        theirs = forked.apply(_ids)
    ours = _ids()

    assert not {*theirs} & {*ours}


def _ids() -> list[str]:
    return [new_request_id() for _ in range(NUMBER)]
