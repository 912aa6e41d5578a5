"""Threads of numerical libraries."""

from __future__ import annotations

import numpy as np
import threadpoolctl

from autoedge.surrogate.threads import one_thread


def test_libraries_keep_to_one_thread_while_asked() -> None:
    """Inside the context every pool has one thread, afterwards what it had."""
    np.linalg.inv(np.eye(2))
    before = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    with one_thread():
        assert all(pool["num_threads"] == 1 for pool in threadpoolctl.threadpool_info())
    assert [pool["num_threads"] for pool in threadpoolctl.threadpool_info()] == before
