"""Lines of libraries that come over and over are counted."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from moebridge.log_repeats import MOST, QUIET_S, Repeats


def line(text: str, *args: object, logger: str = "aiokafka.conn", level: int = logging.ERROR):
    return logging.LogRecord(logger, level, __file__, 1, text, args, None)


class Log:
    """What is written of what is said, by a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.written: list[str] = []
        self._goes_through = Repeats(("aiokafka",), lambda: self.now)

    def say(self, record: logging.LogRecord) -> None:
        if self._goes_through(record):
            self.written.append(record.getMessage())


def test_the_first_comes_at_once_and_the_next_one_tells_of_those_between() -> None:
    log = Log()
    for tenth in range(125):
        log.now = tenth / 10
        log.say(line("no connection to node %d", tenth % 3))
    assert log.written == [
        "no connection to node 0",
        "no connection to node 1 (99 more like it since 10 s ago)",
    ]
    log.now = 60
    log.say(line("no connection to node %d", 0))
    assert log.written[2:] == ["no connection to node 0 (24 more like it since 50 s ago)"]
    log.now = 120
    log.say(line("no connection to node %d", 0))
    assert log.written[3:] == ["no connection to node 0"]


def test_other_texts_levels_and_loggers_are_other_lines() -> None:
    log = Log()
    log.say(line("one"))
    log.say(line("two"))
    log.say(line("one", level=logging.WARNING))
    log.say(line("one", logger="aiokafka.client"))
    assert log.written == ["one", "two", "one", "one"]


def test_our_own_lines_are_all_written() -> None:
    log = Log()
    for _ in range(3):
        log.say(line("it stands still", logger="streams.progress"))
        log.say(line("aiokafka by name only", logger="aiokafkaesque"))
    assert len(log.written) == 6


def test_no_more_is_remembered_than_a_bound() -> None:
    log = Log()
    for number in range(MOST + 1):
        log.say(line(f"line {number}"))
    log.say(line("line 0"))  # forgotten
    log.say(line("line 2"))
    assert len(log.written) == MOST + 2


@given(st.lists(st.tuples(st.floats(0, 2 * QUIET_S), st.sampled_from("abc")), max_size=40))
def test_every_line_is_written_or_counted(said: list[tuple[float, str]]) -> None:
    log = Log()
    for pause, text in said:
        log.now += pause
        log.say(line(text))
    log.now += QUIET_S
    for text in "abc":
        log.say(line(text))
    counted = sum(int(one.partition("(")[2].split()[0]) for one in log.written if "(" in one)
    assert len(log.written) + counted == len(said) + 3
