"""More callers than there are descriptors: the gateway lives, answers, and says once what to do."""

from __future__ import annotations

import contextlib
import socket

from tests.e2e.site import Site


def test_more_callers_than_descriptors_take_none_from_the_gateway(site: Site) -> None:
    site.configure()
    config = site.config.read_text()
    site.config.write_text(
        config.replace("[limits]\n", "[limits]\nmax_connections = 5000\nconnections_per_address = 5000\n")
    )
    gateway = site.launch(before=["prlimit", "--nofile=200"]).ready()
    address = ("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    with contextlib.ExitStack() as crowd:
        for _ in range(230):
            crowd.enter_context(socket.create_connection(address))
        assert gateway.call("server.health")["status"] == "healthy"
    gateway.hang_up()
    assert gateway.call("server.health")["status"] == "healthy"
    gateway.hang_up()
    assert gateway.stop() == 0
    assert gateway.stderr.count("LimitNOFILE") == 1
    assert "Too many open files" not in gateway.stderr
