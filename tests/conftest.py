"""What holds for every test."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing about what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Programs that tests start can be interrupted, also where a shell in the background started the tests.

    Such a shell has the interrupt ignored, and whoever is started by it as well.
    """
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End even where a test left a thread behind: Python would wait for it for ever, and the run with it."""
    left = [
        thread.name for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()
    ]
    if left and not hasattr(config, "workerinput"):
        sys.stderr.write(f"threads that a test left behind: {', '.join(left)}\n")
        sys.stdout.flush()
        os._exit(1)
