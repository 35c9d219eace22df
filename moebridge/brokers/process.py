"""One broker's process: its log, its hold on a folder, and its end.

A broker never outlives the process that started it, whatever ends that: a watcher (a few lines of
``sh``) waits at a pipe whose other end only the owner has. When the owner is gone the pipe closes, and
the watcher stops the broker with SIGTERM, which lets it save. Both live in sessions of their own, so
Ctrl-C reaches the owner alone and the owner decides the order in which things stop. (The kernel's
PR_SET_PDEATHSIG would do on Linux only, and fires when the starting *thread* ends.)
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from moebridge.brokers.ports import is_free
from moebridge.errors import BrokerStartFailed

log = logging.getLogger(__name__)

#: Seconds that a broker may take to save its data and end before it is killed.
STOP_TIMEOUT_S = 30.0

#: Seconds that the start waits for a former broker of the same folder that is still saving.
LOCK_TIMEOUT_S = 10.0
_LOCK_PAUSE_S = 0.05

# The first line through the pipe is the broker's process id; a second one releases the watcher; the
# end of the pipe means that the owner is gone.
_WATCHER = """
read -r broker || exit 0
if read -r _; then exit 0; fi
kill -TERM "$broker" || exit 0
waited=0
while [ "$waited" -lt 30 ] && kill -0 "$broker"; do sleep 1; waited=$((waited + 1)); done
kill -KILL "$broker"
"""


class BrokerProcess:
    """A process that is started, stopped and killed by its owner, and ends with it.

    ``folder`` is made if need be, for the owner alone. It belongs to one process at a time: a lock on
    ``folder/broker.lock`` is held by the broker process itself, so it holds exactly as long as that
    runs. ``ports`` are those of 127.0.0.1 that it will listen on. Output is appended to ``log_file``.
    Not for owners that fork without exec: a child that keeps the pipe open keeps the broker.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        log_file: Path,
        ports: Sequence[int],
    ) -> None:
        self.name = name
        self.log_file = log_file
        self._command = [str(part) for part in command]
        self._folder = folder
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start the process. Raises BrokerStartFailed where another has the folder or a port."""
        assert not self.alive, f"{self.name} runs already"
        self._release_watcher()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = await self._lock_folder()
        try:
            for port in self._ports:
                # Asked before, for the other program might well answer like a broker.
                if not is_free(port):
                    raise BrokerStartFailed(self.name, f"port {port} is in use", self.log_file, [])
            self._spawn(lock)
        except BaseException:
            self._release_watcher()
            raise
        finally:
            os.close(lock)

    def _spawn(self, lock: int) -> None:
        self._watcher = subprocess.Popen(  # noqa: S603  our own script
            ["/bin/sh", "-c", _WATCHER],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  our own command line
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=(lock,),
            )
        self._tell_watcher(b"%d\n" % self._process.pid)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % self._process.pid, 0)

    async def stop(self) -> int | None:
        """SIGTERM, and wait. Returns the exit status (negative: the signal), None if never started."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop within %d s; killing it", self.name, STOP_TIMEOUT_S)
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
        self._release_watcher()
        return self._process.returncode

    async def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            self._release_watcher()

    def check_alive(self) -> None:
        """Raises BrokerStartFailed, with the end of the log, once the process has ended."""
        if self._process is not None and (status := self._process.poll()) is not None:
            raise BrokerStartFailed(
                self.name, f"it ended with exit status {status}", self.log_file, self._last_lines()
            )

    def not_ready(self, timeout_s: float) -> BrokerStartFailed:
        """The error for a broker that runs but did not answer in time."""
        return BrokerStartFailed(
            self.name, f"it did not answer within {timeout_s:g} s", self.log_file, self._last_lines()
        )

    def _last_lines(self, count: int = 5) -> list[str]:
        text = self.log_file.read_text("utf-8", errors="replace") if self.log_file.exists() else ""
        # A weak symbol that the embedded broker does without; the line would only mislead.
        return [line for line in text.splitlines() if "GLIBC_2.39" not in line][-count:]

    async def _lock_folder(self) -> int:
        """The lock's file descriptor. Waits for a broker that is still saving its data."""
        descriptor = os.open(self._folder / "broker.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            for _ in range(round(LOCK_TIMEOUT_S / _LOCK_PAUSE_S)):
                if _try_lock(descriptor):
                    return descriptor
                await asyncio.sleep(_LOCK_PAUSE_S)
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            raise BrokerStartFailed(
                self.name,
                f"another broker (process {holder or 'unknown'}) uses the folder {self._folder}; "
                "stop that one or name another folder",
                self.log_file,
                [],
            )
        except BaseException:
            os.close(descriptor)
            raise

    def _release_watcher(self) -> None:
        if self._watcher is not None:
            self._tell_watcher(b"released\n")
            assert self._watcher.stdin is not None
            self._watcher.stdin.close()
            self._watcher.wait()
            self._watcher = None

    def _tell_watcher(self, line: bytes) -> None:
        assert self._watcher is not None
        assert self._watcher.stdin is not None
        try:
            self._watcher.stdin.write(line)
        except BrokenPipeError:
            log.warning("%s: its watcher was ended; it may outlive this process", self.name)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
