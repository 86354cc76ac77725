"""Instances of plugins as metrics."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.api.metrics.exposition import Family, label_text
from gateway.plugins.host.states import Report, State

STATES = tuple(state.value for state in State)


def plugin_families(reports: Iterable[Report]) -> list[Family]:
    """How each instance does, and what it takes; there are few of them."""
    info = Family("ferrule_plugin_instance_info", "gauge", "Which version of which plugin it is; always 1.")
    up = Family("ferrule_plugin_instance_up", "gauge", "1 while the instance runs.")
    state = Family("ferrule_plugin_instance_state", "gauge", "1 for the state the instance is in.")
    restarts = Family("ferrule_plugin_instance_restarts_total", "counter", "Times it fell and was started again.")
    memory = Family(
        "ferrule_plugin_instance_memory_bytes", "gauge", "Memory in use (RSS) by all its processes, at the last look."
    )
    cpu = Family(
        "ferrule_plugin_instance_cpu_seconds_total", "counter", "Processor time since it was started, at the last look."
    )
    requests = Family("ferrule_plugin_instance_requests_total", "counter", "What it asked the gateway for.")
    refused = Family("ferrule_plugin_instance_request_errors_total", "counter", "Requests of it that failed.")
    messages = Family("ferrule_plugin_instance_messages_total", "counter", "Messages it was given.")
    failed = Family("ferrule_plugin_instance_message_errors_total", "counter", "Messages it did not answer well.")
    events = Family("ferrule_plugin_instance_events_total", "counter", "Events it was given.")
    missed = Family("ferrule_plugin_instance_events_missed_total", "counter", "Events it was too slow for.")
    for one in reports:
        labels = {"plugin": one.plugin, "instance": one.instance}
        text = label_text(**labels)
        info.add(1, label_text(**labels, version=one.version))
        up.add(int(one.state is State.ACTIVE), text)
        state.states(one.state.value, STATES, **labels)
        restarts.add(one.restarts, text)
        if one.usage is not None:
            memory.add(one.usage.memory, text)
            cpu.add(one.usage.cpu, text)
        requests.add(one.requests, text)
        refused.add(one.request_errors, text)
        messages.add(one.invocations, text)
        failed.add(one.errors, text)
        events.add(one.events, text)
        missed.add(one.events_missed, text)
    return [info, up, state, restarts, memory, cpu, requests, refused, messages, failed, events, missed]
