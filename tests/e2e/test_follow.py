"""A reload while callers are connected."""

from __future__ import annotations

import signal

from tests.e2e.programs import until
from tests.e2e.site import Site


def test_who_may_call_and_how_long_follow_a_reload(site: Site) -> None:
    site.configure()
    gateway = site.start()
    name = {"Host": "plc.example"}
    assert gateway.client.get("/api/v1/health", headers=name).status_code == 421
    text = site.config.read_text()
    changed = text.replace("[limits]\n", '[limits]\nmax_connections = 60\nkeep_alive_time = "20s"\n')
    site.config.write_text(changed.replace("[server]\n", '[server]\nhost_names = ["plc.example"]\n'))
    gateway.send(signal.SIGHUP)
    gateway.logged("configuration reloaded")
    until(lambda: gateway.client.get("/api/v1/health", headers=name).status_code == 200, "the new name is known")
    assert "take effect at the next start" not in gateway.stderr
