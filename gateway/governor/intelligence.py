"""The intelligence governor: learns what is usual, tells what is not and why, and foresees what is going to fail.

Learned are the latency and the errors of every device, always, and the tags that the configuration says ``baseline =
true`` of. It acts on nothing: what it finds are alerts and events for people, and figures for the other governors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.core import rfc3339
from gateway.core.alerts import Alerts, Severity
from gateway.core.ports import FactStore, Json
from gateway.core.steering import DeviceGlance, FieldSteering
from gateway.governor.detector import Anomaly
from gateway.governor.health import Term, counted, falling, share
from gateway.governor.level import LevelName
from gateway.governor.series import Series

PACE_S = 10.0
BASELINE = "baseline"
SAVE_EVERY_S = 6 * 3600.0
# Errors are a share of the requests in so many seconds, where there were enough of them.
ERRORS_OVER_S = 60.0
LEAST_REQUESTS = 5
# What is foreseen: so far ahead, and these limits.
AHEAD_S = 14 * 86400.0
FAILING_ERRORS = 10.0
FAILING_LATENCY = 0.8
# Latencies are learned in milliseconds, errors in percent of the requests.
UNITS = {"latency": "ms", "errors": "%"}
TREND_EVERY_S = 3600.0
# A series that got nothing for so long is not learning, and what was unusual about it is known no more. A device that
# is asked once a minute has errors worth a share every five minutes.
FED_WITHIN_S = 600.0
# What is configured no more, or bad all the time, is forgotten after so long: a pump may be in repair for some days.
FORGOTTEN_AFTER_S = 7 * 86400.0
# Tags that may be learned; beyond, those that had a good value first are.
MOST_TAGS = 200
MOST_SHOWN = 50
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class TagValue:
    """A good numeric value of a tag that is to be learned."""

    name: str
    value: float
    units: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """A failure that is foreseen.

    Attributes:
        device: ``line/device``.
        metric: "errors" or "latency".
        now: the figure at present.
        limit: what it will reach.
        seconds: until then, if it goes on like that.
        per_day: by how much it grows.
        sure: standard deviations by which that is no chance.
    """

    device: str
    metric: str
    now: float
    limit: float
    seconds: float
    per_day: float
    sure: float

    def words(self) -> str:
        """What is foreseen, for people."""
        days = self.seconds / DAY_S
        if self.metric == "errors":
            return (
                f"errors of {self.device} grow by {self.per_day:.2g} % of its requests a day: at {self.now:.1f} % now, "
                f"they reach {self.limit:g} % in {days:.1f} days. Look at its plugs, wiring and power before that"
            )
        return (
            f"{self.device} answers {self.per_day:.2g} ms later every day: after {self.now:.0f} ms now, it comes near "
            f"its time-out in {days:.1f} days. Look at its load, or give it a longer timeout"
        )


class Intelligence:
    """Level four.

    Args:
        steering: the lines.
        tags: good values of the tags to be learned, at this moment.
        alerts: where anomalies and predictions are raised.
        facts: keep what was learned over restarts.
        wall: Unix seconds.
        announce: told of ``governor:anomaly``.
        synchronised: whether the wall clock tells the hour of the day.
    """

    name = LevelName.INTELLIGENCE
    pace = PACE_S

    def __init__(
        self,
        *,
        steering: FieldSteering,
        tags: Callable[[], Iterable[TagValue]],
        alerts: Alerts,
        facts: FactStore,
        wall: Callable[[], float],
        announce: Callable[[str, dict[str, object]], None],
        synchronised: Callable[[], bool],
    ) -> None:
        self._steering = steering
        self._tags = tags
        self._alerts = alerts
        self._facts = facts
        self._wall = wall
        self._announce = announce
        self._synchronised = synchronised
        self._dated = True
        self._kept = facts.recall(BASELINE)
        self._series: dict[str, Series] = {}
        self._units: dict[str, str] = {}
        self._told: dict[str, Anomaly] = {}
        self._counted: dict[str, tuple[float, int, int]] = {}
        self._bounds: dict[str, float] = {}
        self._predictions: dict[str, Prediction] = {}
        self._trended: dict[str, float] = {}
        self._absent: dict[str, float] = {}
        self._learned: set[str] = set()
        self._now: float | None = None

    def tick(self, now: float) -> None:
        """Take one value of each series, judge it, and now and then look where the hourly means are going."""
        self._now, wall, self._dated = now, self._wall(), self._synchronised()
        present = set()
        for device in self._steering.glance().devices:
            for kind, units in UNITS.items():
                present.add(f"{kind}:{device.name}")
                self._units[f"{kind}:{device.name}"] = units
            self._bounds[device.name] = device.bound
            if device.state == "online":
                self._device(device, now, wall)
        for tag in self._tags():
            key = f"tag:{tag.name}"
            if not math.isfinite(tag.value) or not self._room(key):
                continue
            present.add(key)
            self._units[key] = tag.units
            self._learned.add(key)
            self._of(key, trends=False).take(tag.value, now, wall, dated=self._dated)
        for key, series in self._series.items():
            if key in self._absent and key not in self._learned:
                continue
            if series.fed is not None and now - series.fed >= FED_WITHIN_S:
                series.detector.lost()
            self._judge(key, series)
        self._foresee(now)
        self._save(now, present)

    def _of(self, key: str, *, trends: bool) -> Series:
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series(key, trends)
            kept = self._kept.pop(key, None)
            if kept is not None:
                series.restore(kept)
            # What is kept of many series is not kept at one moment.
            series.saved = (self._now or 0.0) - SAVE_EVERY_S * (len(self._series) % 64) / 64
        return series

    def _room(self, key: str) -> bool:
        """Whether a tag may be learned; one that is gone makes room for it."""
        if key in self._learned or len(self._learned) < MOST_TAGS:
            return True
        gone = self._learned & self._absent.keys()
        if gone:
            self._forget(min(gone, key=lambda known: self._absent[known]))
        return bool(gone)

    def _device(self, device: DeviceGlance, now: float, wall: float) -> None:
        if device.latency is not None:
            self._of(f"latency:{device.name}", trends=True).take(device.latency * 1000, now, wall, dated=self._dated)
        errors = sum(device.errors.values())
        begun, requests, before = self._counted.get(device.name, (now, device.requests, errors))
        asked = device.requests - requests
        if device.name not in self._counted or asked < 0 or errors < before:
            self._counted[device.name] = (now, device.requests, errors)
        elif now - begun >= ERRORS_OVER_S and asked >= LEAST_REQUESTS:
            self._counted[device.name] = (now, device.requests, errors)
            share = 100 * (errors - before) / asked
            self._of(f"errors:{device.name}", trends=True).take(share, now, wall, dated=self._dated)

    # Finding

    def _judge(self, key: str, series: Series) -> None:
        anomaly, told = series.detector.anomaly, self._told.get(key)
        if (anomaly is None) == (told is None) and (
            anomaly is None or told is None or (anomaly.rule, anomaly.since) == (told.rule, told.since)
        ):
            return
        component, metric, about = self._about(key)
        if anomaly is None:
            del self._told[key]
            self._alerts.resolve(component, metric)
            self._announce("governor:anomaly", {"series": key, "state": "resolved"})
            return
        self._told[key] = anomaly
        words = f"{about} {anomaly.words(self._units.get(key, ''))}"
        severity = Severity.WARNING if key.startswith("tag:") else Severity.INFO
        self._alerts.fire(component, metric, severity, words, value=anomaly.value, threshold=anomaly.usual)
        self._announce("governor:anomaly", {"series": key, "state": "firing", **self._shown(key, anomaly)})

    @staticmethod
    def _about(key: str) -> tuple[str, str, str]:
        """The component and metric of an alert on a series, and how people call it."""
        kind, _, name = key.partition(":")
        if kind == "tag":
            return f"tag:{name}", "unusual", name
        called = f"the latency of {name}" if kind == "latency" else f"the share of errors of {name}"
        return f"device:{name}", f"{kind}Unusual", called

    def _shown(self, key: str, anomaly: Anomaly) -> dict[str, Json]:
        return {
            "rule": str(anomaly.rule),
            "since": rfc3339.text(anomaly.since),
            "value": anomaly.value,
            "usual": anomaly.usual,
            "spread": anomaly.spread,
            "deviations": round(abs(anomaly.off), 1),
            "seasonal": anomaly.seasonal,
            "explanation": f"{self._about(key)[2]} {anomaly.words(self._units.get(key, ''))}",
        }

    def _foresee(self, now: float) -> None:
        """Look at the trends of at most one series a tick: each is looked at once an hour."""
        for key, series in self._series.items():
            if not series.trends or key in self._absent or now - self._trended.get(key, -math.inf) < TREND_EVERY_S:
                continue
            self._trended[key] = now
            metric, _, device = key.partition(":")
            trend = series.trend() if series.fed is not None and now - series.fed < DAY_S else None
            limit = FAILING_ERRORS if metric == "errors" else FAILING_LATENCY * 1000 * self._bounds.get(device, 0.0)
            reached = trend.reaches(limit) if trend is not None and limit > 0 else None
            component, name = f"device:{device}", f"{metric}Trend"
            if trend is None or reached is None or reached > AHEAD_S:
                self._predictions.pop(key, None)
                self._alerts.resolve(component, name)
            else:
                foreseen = Prediction(device, metric, trend.level, limit, reached, trend.slope * DAY_S, trend.sure)
                self._predictions[key] = foreseen
                value = round(trend.level, 6)
                self._alerts.fire(component, name, Severity.INFO, foreseen.words(), value=value, threshold=limit)
            return

    # Keeping

    def _save(self, now: float, present: set[str]) -> None:
        for key in self._absent.keys() & present:
            del self._absent[key]
        for key in (self._series.keys() | self._kept.keys()) - present:
            # Configured no more, or just not good: a line may be commented out for an afternoon.
            if key not in self._absent and key not in self._learned:
                self._end(key)
            if now - self._absent.setdefault(key, now) > FORGOTTEN_AFTER_S:
                self._forget(key)
        for key, series in self._series.items():
            if series.fresh and now - series.saved >= SAVE_EVERY_S:
                self._keep(key, series, now)

    def _keep(self, key: str, series: Series, now: float) -> None:
        series.saved, series.fresh = now, False
        self._facts.remember(BASELINE, key, series.dump())

    def _end(self, key: str) -> None:
        """Nothing is said any more of what is not there."""
        self._predictions.pop(key, None)
        component, metric, _ = self._about(key)
        if self._told.pop(key, None) is not None:
            self._alerts.resolve(component, metric)
            self._announce("governor:anomaly", {"series": key, "state": "resolved"})
        self._alerts.resolve(component, f"{key.partition(':')[0]}Trend")

    def _forget(self, key: str) -> None:
        self._end(key)
        self._series.pop(key, None)
        self._learned.discard(key)
        self._trended.pop(key, None)
        self._kept.pop(key, None)
        self._absent.pop(key, None)
        self._units.pop(key, None)
        self._counted.pop(key.partition(":")[2], None)
        self._bounds.pop(key.partition(":")[2], None)
        self._facts.remember(BASELINE, key, None)

    def keep_all(self) -> None:
        """Keep everything that was learned: the gateway stops."""
        for key, series in self._series.items():
            if series.fresh:
                self._keep(key, series, self._now or 0.0)

    # What it is asked

    def anomalies(self) -> list[dict[str, Json]]:
        """What is unusual now, each with its explanation."""
        return [{"series": key, **self._shown(key, anomaly)} for key, anomaly in self._told.items()]

    def predictions(self) -> list[Prediction]:
        """Failures that are foreseen, the nearest first."""
        return sorted(self._predictions.values(), key=lambda prediction: prediction.seconds)

    def terms(self) -> tuple[Term, ...]:
        """How much is unusual, how much is foreseen to fail, and whether it is learning."""
        if self._now is None:
            return ()
        number, unusual, foreseen = len(self._live()), len(self._told), len(self._predictions)
        worst = max(5.0, number / 5)
        return (
            Term("anomalies", falling(unusual, 0, worst), 3.0, f"{unusual} of {number} series are unusual"),
            Term(
                "predictions",
                falling(foreseen, 0, worst),
                2.0,
                counted(foreseen, "failure is foreseen", "failures are foreseen"),
            ),
            Term("learning", share(self._fed(), number), 1.0, f"{self._fed()} of {number} series are being learned"),
            Term("looking", 100.0, 0.5, "it looks at all series every ten seconds"),
        )

    def _live(self) -> list[Series]:
        """The series of what is there now."""
        return [series for key, series in self._series.items() if key not in self._absent]

    def _fed(self) -> int:
        now = self._now or 0.0
        return sum(series.fed is not None and now - series.fed < FED_WITHIN_S for series in self._live())

    def figures(self) -> Mapping[str, Json]:
        """``learningActive`` (AG-12), and what was found."""
        return {
            "learningActive": self._fed() > 0,
            "series": len(self._live()),
            "learned": sum(series.detector.learned for series in self._series.values()),
            "seasonal": sum(series.detector.seasonal for series in self._series.values()),
            "anomalies": self.anomalies()[:MOST_SHOWN],
            "predictions": [
                {
                    "device": prediction.device,
                    "metric": prediction.metric,
                    "now": round(prediction.now, 6),
                    "limit": round(prediction.limit, 6),
                    "inDays": round(prediction.seconds / DAY_S, 2),
                    "explanation": prediction.words(),
                }
                for prediction in self.predictions()[:MOST_SHOWN]
            ],
        }
