"""The page in a real browser: its policy lets it work, and a call can be sent from it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from websockets.sync.client import ClientConnection, connect

from tests.gateway.api.rig import Rig

BROWSER = shutil.which("chromium")
# Seconds a loaded machine may take for anything.
PATIENCE_S = 60.0

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(BROWSER is None, reason="no browser here: apt-get install chromium"),
]


class LeftError(Exception):
    """The page that was asked is being left for another one."""


class Tab:
    """One tab, driven by the Chrome DevTools Protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._calls = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._calls += 1
        self._connection.send(json.dumps({"id": self._calls, "method": method, "params": params}))
        while True:
            message: dict[str, Any] = json.loads(self._connection.recv(timeout=PATIENCE_S))
            if message.get("id") == self._calls:
                if "navigated" in message.get("error", {}).get("message", ""):
                    raise LeftError
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def run(self, script: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait until something is so, and give it; a page without script cannot wait by itself."""
        end = time.monotonic() + PATIENCE_S
        while True:
            with suppress(LeftError):
                if found := self.run(script):
                    return found
            assert time.monotonic() < end, script
            time.sleep(0.05)

    def open(self, url: str, *, width: int, dark: bool = False, script: bool = True) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && document.querySelector('main')?.id")

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """What the browser logged: errors of scripts, and all that the policy kept from happening."""
        return [event for event in self.events if event["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}]


@contextmanager
def browser(directory: Path) -> Iterator[Tab]:
    command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    command += ["--ignore-certificate-errors", f"--user-data-dir={directory}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            [port] = next(filter(None, (re.findall(r"ws://127\.0\.0\.1:(\d+)/", line) for line in process.stderr)))
            tabs = httpx.get(f"http://127.0.0.1:{port}/json", trust_env=False, timeout=PATIENCE_S).json()
            [address] = [tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"]
            with connect(address, max_size=None, proxy=None) as connection:
                tab = Tab(connection)
                for domain in ("Page", "Log", "Runtime"):
                    tab.call(f"{domain}.enable")
                yield tab
        finally:
            process.terminate()


async def drive(rig: Rig, work: Any) -> None:
    async with rig.served():
        await trio.to_thread.run_sync(work, f"{rig.url}/v1/tools/docs")


async def test_a_call_is_sent_from_it_and_its_policy_keeps_nothing_of_ours_away(rig: Rig, tmp_path: Path) -> None:
    token = rig.bearer("*")["Authorization"].removeprefix("Bearer ")

    def work(url: str) -> None:
        with browser(tmp_path / "profile") as tab:
            tab.open(url, width=1100)
            assert tab.run("document.getElementById('use').hidden") is False
            tab.run("document.getElementById('op-webhook_create').open = true")
            tab.until("document.querySelector('#op-webhook_create .try')")
            send = "document.querySelector('#op-webhook_create .try button').click()"
            answer = "document.querySelector('#op-webhook_create .answer:not(:empty)')?.innerText"
            tab.run(send)
            tab.until(f"{answer}?.startsWith('401')")
            tab.run(f"document.getElementById('token').value = {json.dumps(token)}")
            tab.run(send)
            tab.until(f"{answer}?.startsWith('201')")
            shown = tab.run(answer)
            assert "whsec_" in shown
            assert token not in tab.run("document.documentElement.outerHTML"), "what is shown may be copied to others"
            assert tab.run("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
            # The two that the browser logs are the answer 401 itself.
            assert [one for one in tab.complaints if "401" not in json.dumps(one)] == []

    await drive(rig, work)


async def test_it_is_searched_by_keyboard_and_links_open_what_they_lead_to(rig: Rig, tmp_path: Path) -> None:
    def work(url: str) -> None:
        with browser(tmp_path / "profile") as tab:
            tab.open(f"{url}#op-alarm_list", width=1100)
            assert tab.until("document.getElementById('op-alarm_list').open") is True
            tab.call("Input.dispatchKeyEvent", type="keyDown", key="/", text="/")
            assert tab.run("document.activeElement.id") == "search"
            tab.call("Input.insertText", text="rotate webhook")
            seen = "[...document.querySelectorAll('.operation:not([hidden])')].map((one) => one.id)"
            assert tab.run(seen) == ["op-webhook_rotate_secret"]
            assert tab.run("document.getElementById('found').textContent")
            tab.run("location.hash = '#model-Problem'")
            assert tab.until(
                "document.getElementById('model-Problem').open && !document.querySelector('[hidden].model')"
            )
            assert tab.complaints == []

    await drive(rig, work)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_it_fits_a_phone_and_is_there_without_script(rig: Rig, tmp_path: Path, *, dark: bool) -> None:
    def work(url: str) -> None:
        with browser(tmp_path / "profile") as tab:
            tab.open(url, width=360, dark=dark, script=False)
            assert tab.run("document.getElementById('use').hidden") is True
            tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert tab.run("document.documentElement.scrollWidth") <= 360
            paper = tab.run("getComputedStyle(document.body).backgroundColor")
            assert paper == ("rgb(21, 24, 28)" if dark else "rgb(255, 255, 255)")
            assert tab.complaints == []

    await drive(rig, work)
