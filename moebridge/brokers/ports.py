"""Free ports on the loopback interface."""

from __future__ import annotations

import random
import socket

# Below the range from which systems take the ports of outgoing connections (Linux: 32768 and up,
# macOS: 49152 and up), so that a broker finds its port again when it is started anew.
_LOWEST, _HIGHEST = 20_000, 32_000


def free_ports(count: int) -> list[int]:
    """``count`` different TCP ports of 127.0.0.1 on which nothing listens now."""
    held: list[socket.socket] = []
    try:
        for port in random.sample(range(_LOWEST, _HIGHEST), _HIGHEST - _LOWEST):
            if len(held) == count:
                break
            candidate = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
            else:
                held.append(candidate)
        return [candidate.getsockname()[1] for candidate in held]
    finally:
        for candidate in held:
            candidate.close()


def is_free(port: int) -> bool:
    """Whether nothing listens on this TCP port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        # Connections of a former server that are still being closed do not count.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
