"""Lines, devices and tags, from what ``line.list``, ``device.list`` and ``tag.list`` know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.api.metrics.exposition import Family, label_text
from gateway.core.ports import Json
from gateway.core.reading import Quality, Reading

LINE_STATES = ("starting", "up", "down", "parked", "stopped")
DEVICE_STATES = ("unproven", "online", "doubtful", "silent", "unknown")


def line_families(lines: Sequence[Mapping[str, Json]]) -> list[Family]:
    """State, load and requests of each line."""
    state = Family("ferrule_line_state", "gauge", "1 for the state the line is in.")
    opened = Family("ferrule_line_opened_total", "counter", "Times the port or connection was opened.")
    utilisation = Family(
        "ferrule_line_utilisation_ratio", "gauge", "Share of the line's time in use, what silent devices cost included."
    )
    requests = Family("ferrule_line_requests_total", "counter", "Requests sent.")
    lost = Family("ferrule_line_lost_seconds_total", "counter", "Time of the line that unanswered requests have cost.")
    messages = Family("ferrule_line_messages_total", "counter", "Messages received on a line that is not Modbus.")
    errors = Family("ferrule_line_errors_total", "counter", "Faulty messages on a line that is not Modbus, by cause.")
    hardware = Family("ferrule_line_hardware_errors_total", "counter", "Faults counted by the kernel, by kind.")
    for line in lines:
        name = str(line["line"])
        text = label_text(line=name)
        state.states(line.get("state"), LINE_STATES, line=name)
        opened.add(_number(line.get("opened")), text)
        utilisation.add(_number(line.get("utilisation")), text)
        requests.add(_number(line.get("requests")), text)
        lost.add(_number(line.get("secondsLost")), text)
        messages.add(_number(line.get("messages")), text)
        for cause, number in _counts(line.get("errors")):
            errors.add(number, label_text(line=name, cause=cause))
        for kind, number in _counts(line.get("hardwareErrors")):
            hardware.add(number, label_text(line=name, kind=kind))
    return [state, opened, utilisation, requests, lost, messages, errors, hardware]


class DeviceFamilies:
    """Presence, latency and errors of devices."""

    def __init__(self) -> None:
        self._state = Family("ferrule_device_state", "gauge", "1 for the state the device is in.")
        self._requests = Family("ferrule_device_requests_total", "counter", "Requests to the device.")
        self._answers = Family("ferrule_device_answers_total", "counter", "Answers from it, refusals included.")
        self._errors = Family(
            "ferrule_device_errors_total", "counter", "What went wrong in exchanges with it, by cause."
        )
        self._refusals = Family("ferrule_device_refusals_total", "counter", "Requests it refused, by Modbus exception.")
        self._latency = Family(
            "ferrule_device_latency_seconds", "gauge", "Mean time from a request's end to its answer."
        )
        self._timeout = Family("ferrule_device_timeout_seconds", "gauge", "Time it is given for its next answer.")
        self._missed = Family(
            "ferrule_device_missed_deadlines_total", "counter", "Polls of its tags that came too late."
        )
        self._tags = Family("ferrule_device_tags", "gauge", "Tags of the device.")
        self._good = Family("ferrule_device_tags_good", "gauge", "Tags of the device whose value is good.")

    def add(self, devices: Sequence[Mapping[str, Json]]) -> None:
        """Add devices, as ``device.list`` reports them."""
        for device in devices:
            line, name = str(device["line"]), str(device["device"])
            labels = {"line": line, "device": name.removeprefix(f"{line}/")}
            text = label_text(**labels)
            self._state.states(device.get("state"), DEVICE_STATES, **labels)
            self._requests.add(_number(device.get("requests")), text)
            self._answers.add(_number(device.get("answers")), text)
            for cause, number in _counts(device.get("errors")):
                self._errors.add(number, label_text(**labels, cause=cause))
            for exception, number in _counts(device.get("refusals")):
                self._refusals.add(number, label_text(**labels, exception=exception))
            self._latency.add(_seconds(device.get("latencyMs")), text)
            self._timeout.add(_seconds(device.get("timeoutMs")), text)
            self._missed.add(_number(device.get("missedDeadlines")), text)
            self._tags.add(_number(device.get("tags")), text)
            self._good.add(_number(device.get("tagsGood")), text)

    def families(self) -> list[Family]:
        """All that was added."""
        return [
            self._state,
            self._requests,
            self._answers,
            self._errors,
            self._refusals,
            self._latency,
            self._timeout,
            self._missed,
            self._tags,
            self._good,
        ]


class TagFamilies:
    """Age, quality and missed deadlines of tags."""

    def __init__(self) -> None:
        self._age = Family(
            "ferrule_tag_age_seconds", "gauge", "Time since the tag was last read, whatever became of it since."
        )
        self._good = Family("ferrule_tag_good", "gauge", "1 where the value is good, 0 where it is uncertain or bad.")
        self._missed = Family("ferrule_tag_missed_deadlines_total", "counter", "Polls of the tag that came too late.")

    def add(self, readings: Sequence[Reading], missed: Mapping[str, int], now: float) -> None:
        """Add tags.

        Args:
            readings: of some tags.
            missed: deadlines of all tags.
            now: on the run loop's clock, as readings have it.
        """
        for reading in readings:
            text = _tag_labels(reading.tag)
            self._age.add(None if reading.sample is None else round(now - reading.sample.acquired, 3), text)
            self._good.add(int(reading.quality is Quality.GOOD), text)
            self._missed.add(missed.get(reading.tag), text)

    def families(self, omitted: int) -> list[Family]:
        """All that was added; ``omitted`` tags were not."""
        left_out = Family("ferrule_tags_omitted", "gauge", "Tags without series of their own ([metrics] tag_series).")
        left_out.add(omitted)
        return [self._age, self._good, self._missed, left_out]


def _tag_labels(name: str) -> str:
    line, _, rest = name.partition("/")
    device, _, tag = rest.rpartition("/")
    return label_text(line=line, device=device, tag=tag)


def _number(value: Json) -> float | None:
    return value if isinstance(value, int | float) else None


def _seconds(milliseconds: Json) -> float | None:
    number = _number(milliseconds)
    return None if number is None else round(number / 1000, 6)


def _counts(value: Json) -> list[tuple[str, float]]:
    """Counters of a report, by what they count."""
    if not isinstance(value, Mapping):
        return []
    return [(name, number) for name, number in value.items() if isinstance(number, int | float)]
