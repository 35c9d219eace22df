"""The worker's data folder: one worker to a folder, and nobody else in it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.errors import DataFolderInUse


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold the folder while a worker uses it; the lock ends with the process, however that ends.

    Raises DataFolderInUse where another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds what is known of customers
    with (folder / "worker.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderInUse(
                f"worker.data_dir: {folder} is in use by another worker; give each worker its own folder"
            ) from None
        yield folder
