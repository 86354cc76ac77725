"""What a new user is told without having to ask for it: alerts, an unclean end, what waits for the next start."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from tests.e2e.programs import ferrule
from tests.e2e.site import Site


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
