"""Log lines: for people and for machines, and what stays out of them."""

from __future__ import annotations

import base64
import json
import logging

import pytest

from moebridge import logs


def test_text_lines_carry_their_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "text", "run", prefix="run | ")
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("moebridge.x").exception("it failed with %d", 3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("Z error moebridge.x: it failed with 3")
    assert lines[-1] == "run | ValueError: wrong"
    assert all(line.startswith("run | ") for line in lines)


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "json", "worker")
    logging.getLogger("streams.x").warning("über %s", "alles")
    logging.getLogger("streams.x").debug("not this one")
    [line] = capsys.readouterr().err.splitlines()
    assert {key: value for key, value in json.loads(line).items() if key != "time"} == {
        "level": "warning",
        "process": "worker",
        "logger": "streams.x",
        "message": "über alles",
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_that_somebody_quotes_is_blotted_out(
    capsys: pytest.CaptureFixture[str], form: logs.Format
) -> None:
    secrets = ('p"w\\d', "the-data-key", "the-data", "abc")
    logs.set_up("info", form, "ingest", secrets=secrets)
    try:
        raise ValueError("the-data-key, not the-data")
    except ValueError:
        logging.getLogger("aiokafka.conn").exception("login as %s failed: abc", 'p"w\\d')
    said = capsys.readouterr().err
    assert "login as *** failed: abc" in said
    assert "ValueError: ***, not ***" in said
    assert "the-data" not in said


@pytest.mark.parametrize("user", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("rest", ["", "d", "de"])
def test_a_secret_in_a_basic_auth_header_is_blotted_out(
    capsys: pytest.CaptureFixture[str], user: str, rest: str
) -> None:
    logs.set_up("info", "text", "ingest", secrets=("the-data-key-ü",))
    token = base64.b64encode(f"{user}:the-data-key-ü{rest}".encode()).decode()
    logging.getLogger("aiohttp.x").warning("a bad header: Basic %s", token)
    said = capsys.readouterr().err
    assert "Basic " in said
    assert "***" in said
    without = base64.b64encode(f"{user}:{rest}".encode())
    left = said.partition("Basic ")[2].strip().replace("***", "")
    assert len(left) <= len(without) + 4  # a character at each edge holds bits of both


def test_libraries_never_tell_what_travels_through_them(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("debug", "text", "worker")
    logging.getLogger("aiokafka.producer").debug("sending (key=%r value=%r)", b"key", b"body")
    logging.getLogger("faust.agents").info("a chunk: %r", b"body")
    logging.getLogger("streams.tables").info("[^ChunkTable: contacts]: Starting...")
    logging.getLogger("streams.x").debug("ours")
    assert [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()] == [
        "debug streams.x: ours"
    ]
