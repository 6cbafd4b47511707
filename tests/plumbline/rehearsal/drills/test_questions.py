"""Asking all the time: what counts as an answer."""

import itertools
import threading
from collections.abc import Callable

import pytest

from plumbline.rehearsal.drills.questions import Tally, asked_throughout


def _asked(answers: Callable[[int], list[float]], *, times: int) -> Tally:
    """Asks until so many questions have been answered or not."""
    numbers, enough = itertools.count(), threading.Event()

    def ask() -> list[float]:
        number = next(numbers)
        if number >= times:
            enough.set()
        return answers(number)

    with asked_throughout(ask) as tally:
        assert enough.wait(30)
    return tally


def test_an_answer_as_the_first_one_counts() -> None:
    tally = _asked(lambda _: [0.5], times=3)
    assert (tally.answered >= 3, tally.failures) == (True, [])


def test_another_answer_than_the_first_one_is_a_failure() -> None:
    tally = _asked(lambda number: [0.25 if number == 2 else 0.5], times=4)
    assert tally.failures == ["[0.25] in the place of [0.5]"]


def test_no_answer_is_a_failure_and_the_next_question_is_asked() -> None:
    def answers(number: int) -> list[float]:
        if number == 1:
            raise ConnectionError("refused")
        return [0.5]

    tally = _asked(answers, times=3)
    assert (tally.answered >= 2, tally.failures) == (True, ["ConnectionError: refused"])


def test_an_endpoint_that_does_not_answer_at_first_is_not_asked_on() -> None:
    def ask() -> list[float]:
        raise ConnectionError("refused")

    with pytest.raises(ConnectionError), asked_throughout(ask):
        pytest.fail("its block began")


def test_a_block_that_fails_ends_the_questions() -> None:
    with pytest.raises(KeyboardInterrupt), asked_throughout(lambda: [0.5]):
        raise KeyboardInterrupt
    assert [thread for thread in threading.enumerate() if thread.name == "questions"] == []
