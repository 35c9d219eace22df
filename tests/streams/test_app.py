"""How Faust is set: what would take a worker out of its group while it waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.app import MAX_POLL_INTERVAL_S, AppConfig, make_app
from streams.transport import COMMIT_S


@pytest.mark.parametrize("shutdown_s", [1.0, 10.0, 600.0])
def test_a_rebalance_waits_for_work_in_hand_and_its_commit(tmp_path: Path, shutdown_s: float) -> None:
    """A member that joins later than that is cast out, and what it finished meanwhile comes twice."""
    conf = make_app(AppConfig("bridge", "localhost:1", tmp_path), shutdown_s).conf
    assert conf.broker_rebalance_timeout >= shutdown_s + COMMIT_S + 5
    assert conf.broker_request_timeout > conf.broker_rebalance_timeout
    assert conf.broker_session_timeout < conf.broker_request_timeout
    assert conf.broker_max_poll_interval == MAX_POLL_INTERVAL_S
