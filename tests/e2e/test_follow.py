"""A reload while callers are connected."""

from __future__ import annotations

import signal

from tests.e2e.programs import ferrule, free_port, until
from tests.e2e.site import Site, device, tcp_line


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


def test_a_line_that_is_asked_for_too_much_runs_and_that_is_said(site: Site) -> None:
    tags = [f'name = "t{at}", table = "holding", address = {at}, type = "uint16", poll = "1s"' for at in (0, 1000)]
    busy = tcp_line("busy", free_port(), device("meter", 1, tags))
    site.configure(busy.replace("1s", "10ms"))
    words = "warning: line busy is asked for 200% of its time"
    gateway = site.start()
    assert f"{words}: polled as fast as it can be" in gateway.logged(words)
    site.configure(busy)
    gateway.send(signal.SIGHUP)
    gateway.logged("configuration reloaded")
    assert gateway.stderr.count(words) == 1

    site.configure(busy.replace("1s", "10ms"))
    assert words in ferrule("reload", "--state", site.state).stdout
    gateway.logged(words, times=2)
    assert gateway.lines()["busy"]["state"] != "parked"
