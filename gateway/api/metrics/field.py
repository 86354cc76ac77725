"""Lines, devices and tags, from what ``line.list``, ``device.list`` and ``tag.list`` know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.api.metrics.exposition import Family
from gateway.core.ports import Json, TagRow
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
        state.states(line.get("state"), LINE_STATES, line=name)
        opened.add(_number(line.get("opened")), line=name)
        utilisation.add(_number(line.get("utilisation")), line=name)
        requests.add(_number(line.get("requests")), line=name)
        lost.add(_number(line.get("secondsLost")), line=name)
        messages.add(_number(line.get("messages")), line=name)
        for cause, number in _counts(line.get("errors")):
            errors.add(number, line=name, cause=cause)
        for kind, number in _counts(line.get("hardwareErrors")):
            hardware.add(number, line=name, kind=kind)
    return [state, opened, utilisation, requests, lost, messages, errors, hardware]


def device_families(devices: Sequence[Mapping[str, Json]]) -> list[Family]:
    """Presence, latency and errors of each device."""
    state = Family("ferrule_device_state", "gauge", "1 for the state the device is in.")
    requests = Family("ferrule_device_requests_total", "counter", "Requests to the device.")
    answers = Family("ferrule_device_answers_total", "counter", "Answers from it, refusals included.")
    errors = Family("ferrule_device_errors_total", "counter", "What went wrong in exchanges with it, by cause.")
    refusals = Family("ferrule_device_refusals_total", "counter", "Requests it refused, by Modbus exception.")
    latency = Family("ferrule_device_latency_seconds", "gauge", "Mean time from a request's end to its answer.")
    timeout = Family("ferrule_device_timeout_seconds", "gauge", "Time it is given for its next answer.")
    missed = Family("ferrule_device_missed_deadlines_total", "counter", "Polls of its tags that came too late.")
    tags = Family("ferrule_device_tags", "gauge", "Tags of the device.")
    good = Family("ferrule_device_tags_good", "gauge", "Tags of the device whose value is good.")
    for device in devices:
        line, name = str(device["line"]), str(device["device"])
        labels = {"line": line, "device": name.removeprefix(f"{line}/")}
        state.states(device.get("state"), DEVICE_STATES, **labels)
        requests.add(_number(device.get("requests")), **labels)
        answers.add(_number(device.get("answers")), **labels)
        for cause, number in _counts(device.get("errors")):
            errors.add(number, **labels, cause=cause)
        for exception, number in _counts(device.get("refusals")):
            refusals.add(number, **labels, exception=exception)
        latency.add(_seconds(device.get("latencyMs")), **labels)
        timeout.add(_seconds(device.get("timeoutMs")), **labels)
        missed.add(_number(device.get("missedDeadlines")), **labels)
        tags.add(_number(device.get("tags")), **labels)
        good.add(_number(device.get("tagsGood")), **labels)
    return [state, requests, answers, errors, refusals, latency, timeout, missed, tags, good]


def tag_families(rows: Sequence[TagRow], readings: Sequence[Reading], omitted: int, now: float) -> list[Family]:
    """Age, quality and missed deadlines of tags.

    Args:
        rows: the tags that are shown.
        readings: of the same tags, in the same order.
        omitted: tags that are not shown.
        now: on the run loop's clock, as readings have it.
    """
    age = Family("ferrule_tag_age_seconds", "gauge", "Time since the tag was last read, whatever became of it since.")
    good = Family("ferrule_tag_good", "gauge", "1 where the value is good, 0 where it is uncertain or bad.")
    missed = Family("ferrule_tag_missed_deadlines_total", "counter", "Polls of the tag that came too late.")
    for row, reading in zip(rows, readings, strict=True):
        labels = _tag_labels(row.name)
        age.add(None if reading.sample is None else round(now - reading.sample.acquired, 4), **labels)
        good.add(float(reading.quality is Quality.GOOD), **labels)
        missed.add(row.missed_deadlines, **labels)
    left_out = Family("ferrule_tags_omitted", "gauge", "Tags without series of their own ([metrics] tag_series).")
    left_out.add(omitted)
    return [age, good, missed, left_out]


def _tag_labels(name: str) -> dict[str, str]:
    line, _, rest = name.partition("/")
    device, _, tag = rest.rpartition("/")
    return {"line": line, "device": device, "tag": tag}


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
