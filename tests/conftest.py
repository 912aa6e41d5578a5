"""For all tests: the conditions that a shell in the foreground gives."""

from __future__ import annotations

import signal

# A shell starts what it puts into the background with interrupts ignored, and so would every command of the tests be.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
