"""The running gateway under each assault while it polls the demo's lines ten times a second; ``tests.drill`` runs it.

What is measured does not go through what is attacked: readings are timed at a tap before a device, memory in /proc.
"""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.assaults import ASSAULTS
from tests.e2e.programs import FERRULE, ROOT, Program, free_port, until
from tests.e2e.site import Answer, Gateway, Site
from tests.e2e.tap import Tap

POLL_S = 0.1
# So old a reading may grow while the gateway is attacked; assailants and devices have the same cores.
WORST_AGE_S = 1.0
# Megabytes an assault may leave behind. What a full house takes once is not given back, so one comes before all others.
LEFT_BEHIND = 10.0
FIRST = "a-crowd-that-stays"
SETTLE_S = 2.0
# Assailants come from 127.0.0.1 to .249.
_OPERATOR = "127.0.1.1"
_DEVICES = ("meter", "temperature", "relays", "drive", "inverter", "weather")
# A probe of the device that is dead costs as much as three polls: deadlines would be missed without any assault.
_DEAD = re.compile(r"# Nobody answers.*?\n\]\n", re.DOTALL)
_ITS_ALARM = re.compile(r'\[\[alarm\]\]\nname = "spare-away"\n.*?\n\n', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Damage:
    """What an assault did.

    Attributes:
        assault: its name.
        age: seconds the oldest reading of a block that is polled every 100 ms came to.
        missed: deadlines of tags that passed.
        before, after: megabytes of memory.
        slowest: seconds the slowest call of an operator took.
        failed: of so many ``calls`` of the operator.
    """

    assault: str
    age: float
    missed: int
    before: float
    after: float
    slowest: float
    failed: int
    calls: int

    def __str__(self) -> str:
        return (
            f"{self.assault:34} worst age {1000 * self.age:5.0f} ms, deadlines missed {self.missed:5}, "
            f"memory {self.before:5.1f} -> {self.after:5.1f} MB, "
            f"operator: {self.failed} of {self.calls} calls failed, the slowest took {self.slowest:.2f} s"
        )

    @property
    def tolerable(self) -> bool:
        return self.age <= WORST_AGE_S and self.after - self.before <= LEFT_BEHIND


def plans(directory: Path, tap: int, device: int) -> tuple[str, str]:
    """The demo's configuration and devices, polled every 100 ms, with the tap between."""
    config = (ROOT / "config" / "demo.toml").read_text()
    devices = (ROOT / "config" / "demo-devices.toml").read_text()
    config = _ITS_ALARM.sub("", _DEAD.sub("", config))
    config = config.replace('"var/demo/', f'"{directory}/').replace("port = 3500", "port = 0")
    config = config.replace(', poll = "500ms"', "").replace('poll = "500ms"\n', "")
    for name in _DEVICES:
        config = config.replace(f'name = "{name}"\n', f'name = "{name}"\npoll = "{1000 * POLL_S:g}ms"\n')
    # At the demo's 19200 Bd a round of all devices takes longer than 100 ms.
    config, devices = (text.replace("baudrate = 19200", "baudrate = 115200") for text in (config, devices))
    return config.replace("15020", str(tap)), devices.replace("15020", str(device))


class Operator:
    """Somebody with a token and an address of their own who calls all the time, and comes again when sent away."""

    def __init__(self, gateway: Gateway) -> None:
        transport = httpx.HTTPTransport(
            verify=ssl.create_default_context(cafile=gateway.state / "ca.pem"), local_address=_OPERATOR
        )
        headers = {"Authorization": f"Bearer {gateway.token()}"}
        self._client = httpx.Client(base_url=gateway.url, transport=transport, headers=headers, timeout=15)
        self._over = threading.Event()
        self.slowest = 0.0
        self.failed = self.calls = 0
        self._thread = threading.Thread(target=self._call_on, daemon=True)
        self._thread.start()

    def call(self, method: str, params: Mapping[str, object]) -> Answer:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        result: Answer = self._client.post("/api/v1/rpc", json=body).raise_for_status().json()["result"]
        return result

    def _call_on(self) -> None:
        while not self._over.wait(0.2):
            begun = time.monotonic()
            self.calls += 1
            try:
                self.call("tag.read", {"tags": ["plant/inverter/power"]})
            except httpx.HTTPError:
                self.failed += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def leave(self) -> None:
        """Make no more calls."""
        self._over.set()
        self._thread.join()

    def close(self) -> None:
        self._client.close()


class Siege:
    """A gateway that polls, and its besiegers one after the other."""

    def __init__(self, gateway: Gateway, tap: Tap) -> None:
        self._gateway = gateway
        self._tap = tap
        self._token = gateway.token()

    def suffer(self, assault: str, seconds: float, settle: float = SETTLE_S) -> Damage:
        """Let one have its time, and the gateway some to settle after it; an unknown name is nobody."""
        operator = Operator(self._gateway)
        before, missed = self._memory(), _missed(operator)
        self._tap.forget()
        if assault in ASSAULTS:
            port = self._gateway.url.rpartition(":")[2]
            command = ["-m", "tests.e2e.assaults", assault, port, str(self._gateway.state / "ca.pem"), str(seconds)]
            subprocess.run([sys.executable, *command, self._token], cwd=ROOT, check=True, timeout=seconds + 30)
        else:
            time.sleep(seconds)
        age = self._tap.worst()
        operator.leave()
        time.sleep(settle)
        after = self._memory()
        missed = _missed(operator) - missed
        operator.close()
        return Damage(assault, age, missed, before, after, operator.slowest, operator.failed, operator.calls)

    def good(self, tag: str) -> bool:
        """Whether a tag is read anew, and good."""
        before = self._gateway.awaits(tag, quality="good")["sequence"]
        return bool(until(lambda: self._gateway.read(tag)[tag]["sequence"] > before, f"{tag} is read anew"))

    def _memory(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self._gateway.process.pid}/status").read_text())
        assert found, "the gateway has ended"
        return int(found[1]) / 1024


def _missed(operator: Operator) -> int:
    return sum(device["missedDeadlines"] for device in operator.call("device.list", {})["devices"])


@contextmanager
def besieged(directory: Path) -> Iterator[Siege]:
    """A gateway on the demo's lines, ready to be attacked; at the end it must have fallen over nothing."""
    device = free_port()
    tap = Tap(device)
    site = Site(directory / "site")
    config, devices = plans(directory, tap.port, device)
    plan = directory / "devices.toml"
    plan.write_text(devices)
    site.config.write_text(config)
    field = Program([FERRULE, "simulate", plan, "--directory", directory], site.prints)
    try:
        field.line("serving")
        gateway = site.start()
        gateway.awaits("plant/inverter/power", quality="good")
        gateway.awaits("rs485/meter/power", quality="good")
        yield Siege(gateway, tap)
        gateway.hang_up()
        assert gateway.stop() == 0
        for words in ("connection ended by a fault", "error_id", "Traceback"):
            assert words not in gateway.stderr, gateway.stderr
    finally:
        for gateway in site.gateways:
            gateway.hang_up()
            gateway.kill()
        field.kill()
        tap.close()


def drill(seconds: float, names: Sequence[str] = ()) -> str:
    """Every assault for so long; says what each did."""
    with tempfile.TemporaryDirectory() as directory, besieged(Path(directory)) as siege:
        siege.suffer(FIRST, seconds)
        damages = []
        for name in ["nobody", *(names or ASSAULTS)]:
            damage = siege.suffer(name, seconds)
            # Whatever else this machine does can cost a second, but hardly twice.
            damages.append(damage if damage.tolerable else siege.suffer(name, seconds))
    table = "\n    ".join(map(str, damages))
    harmful = [damage.assault for damage in damages if not damage.tolerable]
    assert not harmful, f"{', '.join(harmful)}: too much\n    {table}"
    return f"{len(damages) - 1} assaults of {seconds:g} s\n    {table}"


if __name__ == "__main__":
    print(drill(float(sys.argv[1]), sys.argv[2:]))  # noqa: T201 - a drill reports
