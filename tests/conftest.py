"""For all tests: the conditions that a shell in the foreground gives."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# A busy machine is slow, which is no property of the code.
settings.register_profile("autoedge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("autoedge")

# A shell starts what it puts into the background with interrupts ignored, and so would every command of the tests be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
