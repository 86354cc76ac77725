"""How events are put together."""

from __future__ import annotations

from gateway.eventing import own_place


def test_the_gateway_knows_itself_and_asks_the_kernel_only_where_the_port_is_its_own() -> None:
    asked = 0

    def addresses() -> dict[str, list[str]]:
        nonlocal asked
        asked += 1
        return {"eth0": ["192.168.1.5"], "eth1": ["10.0.0.5", "10.0.0.6"]}

    own = own_place(lambda: 3500, addresses)
    assert not own("192.168.1.5", 8443)
    assert not own("127.0.0.1", 443)
    assert own("127.0.0.1", 3500)
    assert own("::1", 3500)
    assert asked == 0
    assert own("10.0.0.6", 3500)
    assert not own("10.0.0.7", 3500)
    assert asked == 2
