"""The JSON forms of what the field side says. The one place where a reading becomes JSON."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.core import rfc3339
from gateway.core.ports import HistorySample, TagRow, WriteResult
from gateway.core.reading import WORDS, Reading, Sample

Form = dict[str, object]


def readings(items: Iterable[Reading]) -> list[Form]:
    """Readings as the API shows them.

    ``value`` is null when quality is bad; ``lastValue`` is there only then, and only if one was ever read.
    ``message`` says the reason in words, where there is one. ``timestamp`` says when the value (or that last value) was
    acquired, null if never.
    """
    forms = []
    known: Sample | None = None
    timestamp: str | None = None
    for item in items:
        sample = item.sample
        # Tags of one answer share their sample and mostly stand together, so its time is written once.
        if sample is not known:
            known = sample
            timestamp = None if sample is None else rfc3339.text(sample.wall)
        form: Form = {
            "tag": item.tag,
            "value": item.value,
            "quality": item.quality,
            "reason": item.reason,
            "timestamp": timestamp,
            "clock": None if sample is None else sample.era.clock,
            "sequence": None if sample is None else sample.sequence,
        }
        if item.reason is not None:
            form["message"] = WORDS[item.reason]
            if item.value is None and item.last_value is not None:
                form["lastValue"] = item.last_value
        forms.append(form)
    return forms


def tag_row(row: TagRow) -> Form:
    """A configured tag, as ``tag.list`` shows it."""
    return {
        "tag": row.name,
        "type": row.type,
        "units": row.units,
        "writable": row.writable,
        "poll": row.poll,
        "description": row.description or None,
        "missedDeadlines": row.missed_deadlines,
        "place": row.place,
    }


def write_result(result: WriteResult) -> Form:
    """The honest outcome of a write; members that say nothing are left out."""
    form: Form = {"outcome": result.outcome}
    if result.reason is not None:
        form["reason"] = result.reason
    if result.message is not None:
        form["message"] = result.message
    if result.read_back is not None:
        form["readBack"] = result.read_back
    return form


def history_sample(sample: HistorySample, *, summed: bool) -> Form:
    """One point of a tag's past; ``summed`` adds what is known of the stretch it stands for."""
    form: Form = {
        "timestamp": rfc3339.text(sample.time),
        "value": sample.value,
        "quality": sample.quality,
        "clock": sample.clock,
    }
    if summed:
        form |= {"min": sample.minimum, "max": sample.maximum, "count": sample.count}
    return form
