"""What a new user is told without having to ask for it: alerts, an unclean end, what waits for the next start."""

from __future__ import annotations

import json
import socket
import sqlite3
from contextlib import closing

from gateway.core import rfc3339
from tests.e2e.programs import ferrule
from tests.e2e.simulated import POLL, TAGS
from tests.e2e.site import Site, device, tcp_line


def test_status_begins_with_the_alerts_that_stand(site: Site) -> None:
    site.configure()
    gateway = site.start()
    assert gateway.stop() == 0
    with closing(sqlite3.connect(site.state / "audit.db")) as database, database:
        database.execute("UPDATE audit SET entry = CAST(replace(entry, '.start', '.stop') AS BLOB) WHERE seq = 1")

    again = site.start()
    shown = ferrule("status", "--state", site.state).stdout.splitlines()
    assert shown[1].startswith("! critical: audit: the audit log was changed while the gateway was stopped, at row 1")
    assert "(since 20" in shown[1]
    assert [line for line in shown if line.startswith("governors: ")]
    found = json.loads(ferrule("status", "--json", "--state", site.state).stdout)
    assert [(one["severity"], one["component"]) for one in found["standing"]] == [("critical", "audit")]
    assert {"health", "status", "systemOptimal", "reasons"} == set(found["governors"])

    token = again.token(["devices:read"])
    done = ferrule("status", "--json", "--url", again.url, "--ca", site.state / "ca.pem", "--token", token)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["governors"] is None


def starts(site: Site) -> list[dict[str, object]]:
    """The details of all starts in the audit log, the oldest first."""
    with closing(sqlite3.connect(f"file:{site.state}/audit.db?mode=ro", uri=True)) as database:
        rows = [json.loads(entry) for (entry,) in database.execute("SELECT entry FROM audit ORDER BY seq")]
    return [row["details"] for row in rows if row["action"] == "gateway.start"]


def test_a_run_that_was_killed_is_told_of_once_and_one_that_ended_in_order_is_not(site: Site) -> None:
    site.configure()
    words = "the run before this one did not end in order"
    first = site.start()
    assert words not in first.stderr
    first.kill()
    began = (site.state / "lock").stat().st_mtime

    second = site.start()
    told = second.logged(words)
    assert told.count(words) == 1
    assert "up to 1 s of history" in told
    assert rfc3339.text(began) in told
    assert second.stop() == 0

    third = site.start()
    assert words not in third.stderr
    assert third.stop() == 0
    found = starts(site)[-2:]
    assert found[0]["lastRunSince"] == rfc3339.text(began)
    assert found[0]["lastRun"] == "cut short"
    assert "lastRun" not in found[1]


def test_a_start_that_failed_is_no_run_that_was_cut_short(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        site.configure(server=f'bind = "127.0.0.1"\nport = {taken.getsockname()[1]}')
        assert site.launch().wait() == 1
    site.configure()
    gateway = site.start()
    assert "did not end in order" not in gateway.stderr


def test_a_reload_names_what_waits_for_the_next_start(site: Site) -> None:
    site.configure()
    gateway = site.start()
    assert "next start" not in ferrule("reload", "--state", site.state).stdout
    text = site.config.read_text()
    site.config.write_text(
        text.replace("burst = 10000", "burst = 9000").replace("port = 0", 'port = 0\nhost_names = ["x"]')
    )
    assert "next start" not in ferrule("reload", "--state", site.state).stdout
    site.config.write_text(text.replace('name = "site"', 'name = "other"') + '[audit]\nretention = "90d"\n')
    told = ferrule("reload", "--state", site.state)
    assert told.returncode == 0
    assert "takes effect at the next start: [gateway], [audit]. Restart" in told.stdout
    gateway.logged("these sections take effect at the next start")


ALARM = """
[[alarm]]
name = "{name}"
tag = "plant/drive/ticks"
high = {high}
"""


def test_a_reload_says_which_alarms_and_destinations_it_takes_over(site: Site) -> None:
    line = tcp_line("plant", 1, device("drive", 1, TAGS, POLL))
    site.configure(line + ALARM.format(name="high", high=9) + ALARM.format(name="gone", high=9))
    gateway = site.start()
    told_nothing = ferrule("reload", "--state", site.state).stdout
    assert "lines, alarms and where webhooks may go are as they were" in told_nothing
    gateway.logged("configuration reloaded")
    allow = '[[webhook.allow]]\nhost = "hooks.example.com"\n'
    site.configure(line + ALARM.format(name="high", high=8) + ALARM.format(name="fresh", high=9) + allow)
    told = ferrule("reload", "--state", site.state).stdout.splitlines()
    assert "alarms: added fresh; changed high; removed gone" in told
    assert "where webhooks may go: added hooks.example.com" in told
    assert not [words for words in told if words.startswith("lines")]
    gateway.logged("configuration reloaded", times=2)
    assert "taken over" in gateway.stderr
    assert "where webhooks may go" in gateway.stderr
    again = ferrule("reload", "--state", site.state).stdout
    assert "are as they were" in again


def test_a_root_key_that_was_deleted_is_no_change_of_the_audit_log(site: Site) -> None:
    site.configure()
    assert site.start().stop() == 0
    (site.state / "root.key").unlink()
    gateway = site.start()
    found = json.loads(ferrule("status", "--json", "--state", site.state).stdout)["standing"]
    assert [(one["severity"], one["component"]) for one in found] == [("warning", "audit")]
    assert "root.key is a new one" in found[0]["summary"]
    assert "was changed" not in gateway.stderr
