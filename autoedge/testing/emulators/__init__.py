"""Emulated instruments, one file each: they speak the real protocol at the real rate over a pty."""
