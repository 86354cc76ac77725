"""Reads the configuration file: everything that is wrong with it is said at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.settings import schema
from gateway.settings.alarm_checks import read_alarms
from gateway.settings.document import Document, Node, read_document
from gateway.settings.fields import Findings, read_fields
from gateway.settings.gateway_checks import (
    read_access,
    read_agents,
    read_audit,
    read_events,
    read_gateway,
    read_governor,
    read_history,
    read_limits,
    read_metrics,
    read_server,
    read_storage,
    read_webhook,
)
from gateway.settings.line_checks import read_lines
from gateway.settings.model import Settings
from gateway.settings.plugin_schema import read_plugin
from gateway.settings.problems import SettingsError
from gateway.settings.profiles import SHIPPED_PROFILES, ProfileShelf


def load(path: Path | str, profiles: Path | str | None = None) -> Settings:
    """Read a configuration file and the device profiles it names.

    Args:
        path: of the file; it stands in front of every problem as it is given here.
        profiles: a directory to look for profiles in, after ``profiles`` beside the file and before those that
            come with the gateway.

    Raises:
        SettingsError: with every problem found, each with its place and its cure.
    """
    path = Path(path)
    return interpret(read_document(path), profiles)


def interpret(document: Document, profiles: Path | str | None = None) -> Settings:
    """Make settings of a document that has been read already; the arguments and errors are those of `load`."""
    path = Path(document.path)
    given = () if profiles is None else (Path(profiles),)
    findings = Findings()
    shelf = ProfileShelf((path.parent / "profiles", *given, SHIPPED_PROFILES), findings)
    fields = read_fields(Node.root(document), schema.ROOT, findings)
    lines = read_lines(fields.tables("line"), findings, shelf)
    complete = not findings.errors(document.path)
    settings = Settings(
        gateway=read_gateway(fields.table("gateway"), findings),
        server=read_server(fields.table("server"), findings),
        lines=lines,
        storage=read_storage(fields.table("storage"), findings),
        history=read_history(fields.table("history"), findings),
        limits=read_limits(fields.table("limits"), findings),
        agents=read_agents(fields.table("agents"), findings),
        access=read_access(fields.table("access"), findings),
        governor=read_governor(fields.table("governor"), findings),
        audit=read_audit(fields.table("audit"), findings),
        webhook=read_webhook(fields.table("webhook"), findings),
        plugin=read_plugin(fields.table("plugin"), findings),
        events=read_events(fields.table("events"), findings),
        alarms=read_alarms(fields.tables("alarm"), lines, findings, complete=complete),
        metrics=read_metrics(fields.table("metrics"), findings),
        path=path,
    )
    if not fields.given("line"):
        findings.warn(fields.node.place, "the file has no [[line]], so nothing is polled. Add one")
    errors, warnings = findings.errors(document.path), findings.warnings(document.path)
    if errors:
        raise SettingsError(errors, warnings)
    return replace(settings, warnings=warnings)
