"""The pages in a real browser without script: from the code on the card to a key that reads, and its end."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trio

from gateway.access.users.first_admin import CODE_FILE
from gateway.settings.model import LimitSettings
from tests.gateway.api.explorer.test_browser import BROWSER, PATIENCE_S, LeftError, Tab, browser
from tests.gateway.api.rig import Rig, rpc_body

PASSWORD = "correct horse battery"
WIDTH = 360

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(BROWSER is None, reason="no browser here: apt-get install chromium"),
]


class Visit:
    """What somebody does in a tab."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        tab.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=800, deviceScaleFactor=1, mobile=True)
        tab.call("Emulation.setScriptExecutionDisabled", value=True)

    def at(self, heading: str) -> None:
        """Wait for a page."""
        there = f"document.readyState === 'complete' && document.querySelector('h1')?.innerText === {_text(heading)}"
        self.tab.until(there)
        assert self.tab.run("document.documentElement.scrollWidth") <= WIDTH

    def fill(self, **typed: str) -> None:
        for name, value in typed.items():
            self.tab.run(f"document.getElementById({_text(name)}).value = {_text(value)}")

    def press(self, text: str) -> None:
        """Click on what says so."""
        found = (
            f"[...document.querySelectorAll('a, button, label')].find((one) => one.innerText.includes({_text(text)}))"
        )
        # Clicked, it may leave the page before it says so; where it was not clicked, the next page never comes.
        with suppress(LeftError):
            self.tab.run(f"{found}.click()")

    def sign_in(self) -> None:
        self.at("Sign in")
        self.fill(name="anna", password=PASSWORD)
        self.press("Sign in")
        self.at("Your API keys")


def _text(words: str) -> str:
    return json.dumps(words)


async def test_from_the_code_to_a_key_and_its_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LimitSettings(anonymous_requests_per_minute=100_000, anonymous_burst=10_000))
    await rig.people.first_admin.begin()
    code, trust = (rig.state / CODE_FILE).read_text().strip(), rig.trusting

    def work() -> None:
        read = rpc_body("tag.read", {"tags": ["bus/meter/power"]})
        with (
            browser(tmp_path / "profile") as tab,
            httpx.Client(base_url=rig.url, verify=trust(), trust_env=False, timeout=PATIENCE_S) as program,
        ):
            visit = Visit(tab)
            tab.call("Page.navigate", url=f"{rig.url}/v1/auth/setup")
            visit.at("The first administrator")
            visit.fill(code=code, name="anna", password=PASSWORD, password_again=PASSWORD)
            visit.press("Become the administrator")
            visit.at("That is done")
            visit.press("Sign in")
            visit.sign_in()
            visit.fill(name="logger")
            visit.press("devices:read")
            visit.press("Make the key")
            visit.at("Copy the key now")
            key = tab.run("document.querySelector('pre').innerText")
            headers = {"X-API-Key": key}
            answer = program.post("/api/v1/rpc", json=read, headers=headers).json()
            assert answer["result"]["readings"][0]["value"] == 42.5
            line = tab.run("document.querySelectorAll('pre')[1].innerText")
            # It is for a shell, as it stands there.
            shown = subprocess.run(
                ["sh", "-c", line],
                cwd=rig.state,
                env=os.environ | {"no_proxy": "*"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert "bus/meter/power" in shown.stdout, shown.stderr
            # To load the page again sends the form again, and shows no second key.
            tab.call("Page.reload")
            visit.at("Your API keys")
            assert len(rig.access.keys.all()) == 1
            visit.press("Revoke logger")
            visit.at("Revoke “logger”?")
            visit.press("Revoke it")
            visit.at("Your API keys")
            assert program.post("/api/v1/rpc", json=read, headers=headers).status_code == 401
            visit.press("Sign out")
            visit.at("Sign in")
            assert rig.access.keys.all() == []
            # The browser logs the status of that reload; no policy kept anything from happening.
            assert [one for one in tab.complaints if "409" not in json.dumps(one)] == []

    async with rig.served():
        await trio.to_thread.run_sync(work)
