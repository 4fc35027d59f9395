"""A server that fails again and again is tried rarely."""

from app.assistant_model.breaker import Breaker


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_success_in_between_begins_the_count_again() -> None:
    breaker = Breaker(failures=2, clock=Clock())

    assert [breaker.failed(), breaker.lets_pass()] == [False, True]
    breaker.succeeded()
    assert [breaker.failed(), breaker.lets_pass()] == [False, True]
    assert [breaker.failed(), breaker.lets_pass()] == [True, False]


def test_after_a_rest_one_request_tries() -> None:
    """The others wait for its result: if it fails, they wait for another rest."""
    clock = Clock()
    breaker = Breaker(failures=1, rest_seconds=60, clock=clock)
    breaker.failed()

    clock.now = 59.0
    assert not breaker.lets_pass()
    clock.now = 60.0
    assert [breaker.lets_pass(), breaker.lets_pass()] == [True, False]
    assert breaker.failed() is False
    clock.now = 121.0
    assert breaker.lets_pass()
    breaker.succeeded()
    assert [breaker.lets_pass(), breaker.lets_pass()] == [True, True]
