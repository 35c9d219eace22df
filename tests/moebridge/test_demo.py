"""``moebridge demo``, as the first command on a fresh machine."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import aiohttp
import pytest
from processes import moebridge

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(
        os.environ.get("MOEBRIDGE_TEST_BROKER") == "kafka", reason="starts the embedded broker itself"
    ),
]


async def test_all_checks_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # Nothing of the user's own settings counts.
    Path("moebridge.toml").write_text("[kafka]\npartitions = 0\n")
    wrong = {"ingest.port": "x", "delivery.max_elements": "0"}
    async with moebridge("demo", settings=wrong, folder=tmp_path) as demo:
        assert await demo.ends() == 0, demo.text
    assert "All 20 checks hold" in demo.text
    assert "✗" not in demo.text
    assert "\x1b" not in demo.text  # no terminal, no colours
    assert [path.name for path in tmp_path.iterdir()] == ["moebridge.toml"]


async def test_kept_running_it_takes_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with moebridge("demo", "--keep", settings={}, folder=tmp_path) as demo:
        await demo.says("logs        ")
        [url] = re.findall(r"curl (http://\S+/sandbox/users)/u-2001", demo.text)
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert (await response.json())["total"] == 6
        demo.signal(signal.SIGINT)
        assert await demo.ends() == 0
    assert list(tmp_path.iterdir()) == []


async def test_it_tells_which_process_did_not_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with moebridge("demo", "--keep", settings={}, folder=tmp_path) as demo:
        await demo.says("logs        ")
        [worker] = [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if str(tmp_path).encode() in _environment(path) and b"\0worker\0" in _read(path)
        ]
        os.kill(worker, signal.SIGKILL)
        assert await demo.ends() == 1
    assert "moebridge: worker: it ended with SIGKILL\n" in demo.text
    assert "Logs and data: " in demo.text


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _environment(path: Path) -> bytes:
    return _read(path.with_name("environ"))
