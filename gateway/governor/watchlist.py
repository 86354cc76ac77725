"""What somebody should see to in the field: alerts that follow from a glance, each with the words a technician needs.

One trouble, one alert: where nobody answers on a line, or its port is gone, its devices are not told of one by one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from gateway.core.alerts import Alerts, Severity
from gateway.core.steering import DeviceGlance, FieldGlance, LineGlance
from gateway.governor.down import advice, why

DOWN_AFTER_S = 15.0
SILENT_AFTER_S = 30.0
# Errors are judged over so many seconds, from so many requests on.
ERRORS_OVER_S = 300.0
KEPT_EVERY_S = 30.0
ENOUGH_REQUESTS = 50
MANY_ERRORS = 0.10
FEW_ERRORS = 0.05
ANSWERING = frozenset({"online", "doubtful"})


class Watchlist:
    """Raises and resolves alerts about lines and devices.

    Args:
        alerts: where they are kept.
    """

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self._down_since: dict[str, float] = {}
        self._glances: deque[FieldGlance] = deque()
        self._raised: set[tuple[str, str]] = set()
        # When a device was last seen silent, and as what.
        self._silent: dict[str, tuple[float, DeviceGlance]] = {}

    def look(self, glance: FieldGlance) -> None:
        """Take one more glance; what is no longer there is resolved."""
        if not self._glances or glance.at - self._glances[-1].at >= KEPT_EVERY_S:
            self._glances.append(glance)
        while glance.at - self._glances[0].at > ERRORS_OVER_S:
            self._glances.popleft()
        standing: set[tuple[str, str]] = set()
        devices: dict[str, list[DeviceGlance]] = {}
        for device in glance.devices:
            devices.setdefault(device.line, []).append(device)
        for line in glance.lines:
            standing.update(self._line(line, devices.get(line.name, []), glance.at))
        standing.update(self._errors(glance))
        for component, metric in self._raised - standing:
            self._alerts.resolve(component, metric)
        self._raised = standing
        for name in self._down_since.keys() - {line.name for line in glance.lines}:
            del self._down_since[name]

    def _line(self, line: LineGlance, devices: list[DeviceGlance], now: float) -> Iterable[tuple[str, str]]:
        component = f"line:{line.name}"
        if line.state != "down":
            self._down_since.pop(line.name, None)
        if line.state == "parked":
            words = (
                f"{line.name} was stopped by a fault of the gateway and is tried again every ten minutes: its tags are "
                "bad. Send the log (ferrule report) to whoever maintains it"
            )
            self._alerts.fire(component, "parked", Severity.CRITICAL, words, value=line.falls, threshold=0)
            yield component, "parked"
            return
        if line.state == "down":
            since = self._down_since.setdefault(line.name, now)
            if now - since >= DOWN_AFTER_S:
                words = f"{line.name} is down ({why(line)}): {advice(line)}"
                self._alerts.fire(
                    component, "downSeconds", Severity.WARNING, words, value=round(now - since), threshold=DOWN_AFTER_S
                )
                yield component, "downSeconds"
                return
            # An adapter that comes and goes must not end and raise the alerts of its devices each time.
        if line.lent or line.state != "up":
            # Whether its devices are there is not known now: what stood before still stands.
            yield from (key for key in self._raised if self._about(key, line, devices))
            return
        yield from self._silence(line, devices)

    @staticmethod
    def _about(key: tuple[str, str], line: LineGlance, devices: list[DeviceGlance]) -> bool:
        components = {f"line:{line.name}", *(f"device:{device.name}" for device in devices)}
        return key[0] in components and key[1] == "silentSeconds"

    def _silence(self, line: LineGlance, devices: list[DeviceGlance]) -> Iterable[tuple[str, str]]:
        # A device without polls is never asked.
        asked = [device for device in devices if device.state != "unproven"]
        silent = [device for device in asked if device.state == "silent" and device.since >= SILENT_AFTER_S]
        if len(asked) > 1 and len(silent) == len(asked):
            component = f"line:{line.name}"
            shortest = min(device.since for device in silent)
            words = (
                f"nobody answers on {line.name}, {len(asked)} devices in all: check its cable, A and B swapped, "
                "power of the devices, baud rate and parity"
            )
            self._alerts.fire(
                component, "silentSeconds", Severity.CRITICAL, words, value=round(shortest), threshold=SILENT_AFTER_S
            )
            yield component, "silentSeconds"
            return
        for device in silent:
            component = f"device:{device.name}"
            words = (
                f"{device.name} (unit {device.unit}) does not answer"
                + ("" if device.answers else ", and never did since its line was started")
                + ": check its power, wiring and unit number"
            )
            self._alerts.fire(
                component,
                "silentSeconds",
                Severity.WARNING,
                words,
                value=round(device.since),
                threshold=SILENT_AFTER_S,
            )
            yield component, "silentSeconds"

    def _errors(self, glance: FieldGlance) -> Iterable[tuple[str, str]]:
        before = {device.name: device for device in self._glances[0].devices}
        for name in self._silent.keys() - {device.name for device in glance.devices}:
            del self._silent[name]
        for device in glance.devices:
            if device.state not in ANSWERING:
                # That it is silent is told already, and what that cost is no news when it is back.
                self._silent[device.name] = glance.at, device
                continue
            silent_at, silent = self._silent.get(device.name, (-math.inf, None))
            old = silent if silent_at >= self._glances[0].at else before.get(device.name)
            key = (f"device:{device.name}", "errorShare")
            if old is None or device.requests < old.requests:
                continue
            requests = device.requests - old.requests
            errors = sum(device.errors.values()) - sum(old.errors.values())
            if requests < ENOUGH_REQUESTS:
                if key in self._raised:
                    yield key
                continue
            # What came late or damaged may be counted beside the request that it belonged to.
            wrong = min(errors / requests, 1.0)
            if wrong < (FEW_ERRORS if key in self._raised else MANY_ERRORS):
                continue
            cause = max(device.errors, key=lambda cause: device.errors[cause] - old.errors.get(cause, 0))
            # Advice goes by all errors since the start, the most frequent cause first.
            ranked = sorted(device.errors, key=lambda cause: -device.errors[cause])
            advice = dict(zip(ranked, device.advice, strict=False)).get(cause, "look at its plugs, wiring and power")
            words = (
                f"{wrong:.0%} of the exchanges with {device.name} went wrong in the last {ERRORS_OVER_S / 60:g} "
                f"minutes, most by {cause.replace('_', ' ')}: {advice}"
            )
            self._alerts.fire(*key, Severity.WARNING, words, value=round(wrong, 3), threshold=MANY_ERRORS)
            yield key
