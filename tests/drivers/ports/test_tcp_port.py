import errno
import math
import os
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import trio
import trio.testing

from drivers.ports.alarm import Alarm
from drivers.ports.port import LinkDown, Port
from drivers.ports.tcp_port import open_tcp
from gateway.lines.wakeups import Wakeups


class Peer:
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    async def accept(self) -> socket.socket:
        await trio.lowlevel.wait_readable(self._listener)
        accepted, _ = self._listener.accept()
        accepted.setblocking(False)
        return accepted

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    made = Peer()
    yield made
    made.close()


@pytest.fixture(params=["scope", "alarm"])
async def pair(
    request: pytest.FixtureRequest, peer: Peer, nursery: trio.Nursery
) -> AsyncIterator[tuple[Port, socket.socket]]:
    """A port and its far end; whatever a port does, it does with an alarm and without."""
    alarm = None
    if request.param == "alarm":
        wakeups = Wakeups()
        nursery.start_soon(wakeups.run)
        alarm = wakeups.alarm
    port = await open_tcp("127.0.0.1", peer.port, alarm=alarm)
    far = await peer.accept()
    yield port, far
    far.close()
    await port.aclose()


async def soon() -> float:
    return trio.current_time() + 5


async def test_bytes_go_both_ways(pair: tuple[Port, socket.socket], peer: Peer) -> None:
    port, far = pair
    assert port.name == f"127.0.0.1:{peer.port}"
    assert port.faults() is None
    await port.send(b"request")
    await trio.lowlevel.wait_readable(far)
    assert far.recv(100) == b"request"
    far.send(b"reply")
    assert await port.receive(await soon()) == b"reply"
    assert port.drain() == b""
    assert await port.receive(trio.current_time() + 0.001) is None


async def test_an_ended_connection_is_closed(pair: tuple[Port, socket.socket]) -> None:
    port, far = pair
    far.send(b"last words")
    far.close()
    assert await port.receive(math.inf) == b"last words"
    with pytest.raises(LinkDown, match="ended the connection") as down:
        await port.receive(math.inf)
    assert down.value.reason == "closed"


async def test_a_broken_connection_is_reset(pair: tuple[Port, socket.socket]) -> None:
    port, far = pair
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    with pytest.raises(LinkDown) as down:
        await port.receive(math.inf)
    assert down.value.reason == "reset"
    with pytest.raises(LinkDown) as down:
        await port.send(b"x")
    assert (down.value.reason, down.value.unsent) == ("reset", True)


async def test_more_than_the_kernel_takes_is_written_piece_by_piece(pair: tuple[Port, socket.socket]) -> None:
    port, far = pair
    data = bytes(8_000_000)
    taken = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(port.send, data)
        await trio.testing.wait_all_tasks_blocked()
        while taken < len(data):
            await trio.lowlevel.wait_readable(far)
            taken += len(far.recv(1_000_000))
    assert taken == len(data)


async def test_closing_wakes_a_waiting_reader(pair: tuple[Port, socket.socket]) -> None:
    port, _far = pair
    async with trio.open_nursery() as nursery:
        reasons: list[str] = []

        async def reader() -> None:
            try:
                await port.receive(math.inf)
            except LinkDown as down:
                reasons.append(down.reason)

        nursery.start_soon(reader)
        await trio.testing.wait_all_tasks_blocked()
        await port.aclose()
    assert reasons == ["closed"]


async def test_nobody_listening_is_refused(peer: Peer) -> None:
    peer.close()
    with pytest.raises(LinkDown, match="port number") as down:
        await open_tcp("127.0.0.1", peer.port)
    assert down.value.reason == "refused"


async def test_a_server_that_does_not_answer_is_unreachable(autojump_clock: trio.testing.MockClock) -> None:
    # A full backlog takes no further connection: the kernel keeps the first packet to itself.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(4)]
        for each in held:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        with pytest.raises(LinkDown, match="within 3 s") as down:
            await open_tcp("127.0.0.1", full.getsockname()[1])
        for each in held:
            each.close()
    assert down.value.reason == "unreachable"


async def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(LinkDown, match=r"no such\.invalid") as down:
        await open_tcp("no such.invalid", 502)
    assert down.value.reason == "not_found"


async def test_an_alarm_is_set_once_for_many_receives(peer: Peer) -> None:
    asked: list[float] = []
    port = await open_tcp("127.0.0.1", peer.port, alarm=Alarm(asked.append))
    far = await peer.accept()
    for _ in range(10):
        far.send(b"reply")
        assert await port.receive(await soon()) == b"reply"
    assert len(asked) == 1
    far.send(b"a shorter patience must be kept too")
    assert await port.receive(trio.current_time() + 1)
    assert len(asked) == 2
    far.close()
    await port.aclose()


async def test_an_alarm_rings_at_the_very_moment_in_the_end(peer: Peer, nursery: trio.Nursery) -> None:
    asked: list[float] = []
    alarm = Alarm(asked.append)
    port = await open_tcp("127.0.0.1", peer.port, alarm=alarm)
    far = await peer.accept()
    deadline = await soon()
    nursery.start_soon(port.receive, deadline)
    await trio.testing.wait_all_tasks_blocked()
    assert asked[0] < deadline, "for others whose patience is a little shorter it need not be set anew"
    alarm.ring(asked[0])
    assert alarm.settle() == deadline
    far.send(b"reply")
    await trio.testing.wait_all_tasks_blocked()
    nursery.start_soon(port.receive, short := trio.current_time() + 0.02)
    await trio.testing.wait_all_tasks_blocked()
    assert asked[1:] == [short], "what is short is not rung for twice"
    await trio.sleep_until(short)
    alarm.ring(trio.current_time())
    await trio.testing.wait_all_tasks_blocked()
    far.close()
    await port.aclose()


async def test_an_alarm_is_needed_while_a_receive_waits_and_set_anew(peer: Peer, nursery: trio.Nursery) -> None:
    asked: list[float] = []
    alarm = Alarm(asked.append)
    port = await open_tcp("127.0.0.1", peer.port, alarm=alarm)
    far = await peer.accept()
    for number in (1, 2):
        deadline = await soon()
        nursery.start_soon(port.receive, deadline)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() < alarm.settle() <= deadline
        far.send(b"reply")
        await trio.testing.wait_all_tasks_blocked()
        assert alarm.settle() == math.inf
        assert len(asked) == number, "the next receive has to say anew when it is enough"
    far.close()
    await port.aclose()


async def test_an_alarm_wakes_who_has_waited_long_enough_and_nobody_else(peer: Peer, nursery: trio.Nursery) -> None:
    alarm = Alarm(lambda _: None)
    ports = [await open_tcp("127.0.0.1", peer.port, alarm=alarm) for _ in range(3)]
    fars = [await peer.accept() for _ in ports]
    over = trio.current_time() + 0.01
    rest = over + 60
    ended: list[tuple[int, bytes | None]] = []

    async def receive(number: int, deadline: float) -> None:
        ended.append((number, await ports[number].receive(deadline)))

    for number, deadline in enumerate((rest, over, math.inf)):
        nursery.start_soon(receive, number, deadline)
    await trio.testing.wait_all_tasks_blocked()
    alarm.ring(over - 0.001)
    await trio.testing.wait_all_tasks_blocked()
    assert (ended, alarm.settle()) == ([], over)
    await trio.sleep_until(over)
    alarm.ring(trio.current_time())
    await trio.testing.wait_all_tasks_blocked()
    assert (ended, alarm.settle()) == ([(1, None)], rest)
    for number in (0, 2):
        fars[number].send(b"reply")
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(ended[1:]) == [(0, b"reply"), (2, b"reply")]
    assert alarm.settle() == math.inf
    for each, far in zip(ports, fars, strict=True):
        far.close()
        await each.aclose()


async def test_an_alarm_that_rings_early_or_in_vain_disturbs_nobody(peer: Peer, nursery: trio.Nursery) -> None:
    alarm = Alarm(lambda _: None)
    port = await open_tcp("127.0.0.1", peer.port, alarm=alarm)
    far = await peer.accept()
    got: list[bytes | None] = []

    async def receive(deadline: float) -> None:
        got.append(await port.receive(deadline))

    deadline = await soon()
    nursery.start_soon(receive, deadline)
    await trio.testing.wait_all_tasks_blocked()
    # The clock of who rings may be ahead of the one that the receive looks at.
    alarm.ring(deadline)
    await trio.testing.wait_all_tasks_blocked()
    assert got == []
    assert alarm.settle() <= deadline, "the receive goes on, and is rung for again"
    far.send(b"reply")
    await trio.testing.wait_all_tasks_blocked()
    assert got == [b"reply"]
    alarm.ring(deadline)
    nursery.start_soon(receive, math.inf)
    await trio.testing.wait_all_tasks_blocked()
    alarm.ring(deadline)
    far.send(b"unasked")
    await trio.testing.wait_all_tasks_blocked()
    assert got == [b"reply", b"unasked"]
    far.close()
    await port.aclose()
    alarm.ring(deadline)


async def test_a_closed_port_says_so_to_who_waits_and_who_comes_later(peer: Peer, nursery: trio.Nursery) -> None:
    alarm = Alarm(lambda _: None)
    port = await open_tcp("127.0.0.1", peer.port, alarm=alarm)
    far = await peer.accept()
    reasons: list[str] = []

    async def receive() -> None:
        with pytest.raises(LinkDown) as down:
            await port.receive(await soon())
        reasons.append(down.value.reason)

    nursery.start_soon(receive)
    await trio.testing.wait_all_tasks_blocked()
    await port.aclose()
    await trio.testing.wait_all_tasks_blocked()
    await receive()
    assert (reasons, alarm.settle()) == (["closed", "closed"], math.inf)
    far.close()


async def test_a_second_receive_is_refused_and_the_first_goes_on(peer: Peer, nursery: trio.Nursery) -> None:
    port = await open_tcp("127.0.0.1", peer.port, alarm=Alarm(lambda _: None))
    far = await peer.accept()
    got: list[bytes | None] = []

    async def receive() -> None:
        got.append(await port.receive(await soon()))

    nursery.start_soon(receive)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.BusyResourceError):
        await port.receive(await soon())
    far.send(b"reply")
    await trio.testing.wait_all_tasks_blocked()
    assert got == [b"reply"]
    far.close()
    await port.aclose()


class Steps(trio.abc.Instrument):
    """Counts how often a task is woken."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.taken = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.taken += self.name in task.name


async def test_a_receive_that_was_cancelled_leaves_no_deadline_behind(peer: Peer, nursery: trio.Nursery) -> None:
    """Neither the next receive nor a send is ended, or only woken, by what nobody waits for any more."""
    alarm = Alarm(lambda _: None)
    port = await open_tcp("127.0.0.1", peer.port, alarm=alarm)
    far = await peer.accept()
    given_up = trio.current_time() + 0.02
    with trio.move_on_after(0.01):
        await port.receive(given_up)
    await trio.sleep_until(given_up + 0.01)

    async def send() -> None:
        await port.send(bytes(8_000_000))

    sending = Steps(send.__qualname__)
    trio.lowlevel.add_instrument(sending)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as senders:
            senders.start_soon(send)
            await trio.testing.wait_all_tasks_blocked()
            before = sending.taken
            alarm.ring(trio.current_time())
            await trio.testing.wait_all_tasks_blocked()
            assert (before, sending.taken) == (1, 1), "a writer has nothing to do with it"
            scope.cancel()
    trio.lowlevel.remove_instrument(sending)

    got: list[bytes | None] = []

    async def receive(deadline: float) -> None:
        got.append(await port.receive(deadline))

    nursery.start_soon(receive, await soon())
    await trio.testing.wait_all_tasks_blocked()
    alarm.ring(trio.current_time())
    await trio.testing.wait_all_tasks_blocked()
    assert got == []
    far.send(b"reply")
    await trio.testing.wait_all_tasks_blocked()
    assert got == [b"reply"]
    far.close()
    await port.aclose()


async def test_an_alarm_for_the_reader_does_not_end_a_send(peer: Peer, nursery: trio.Nursery) -> None:
    wakeups = Wakeups()
    nursery.start_soon(wakeups.run)
    port = await open_tcp("127.0.0.1", peer.port, alarm=wakeups.alarm)
    far = await peer.accept()
    data = bytes(8_000_000)
    nursery.start_soon(port.send, data)
    await trio.testing.wait_all_tasks_blocked()
    assert await port.receive(trio.current_time() + 0.01) is None
    taken = 0
    while taken < len(data):
        await trio.lowlevel.wait_readable(far)
        taken += len(far.recv(1_000_000))
    assert taken == len(data)
    far.close()
    await port.aclose()


def has_addresses(
    monkeypatch: pytest.MonkeyPatch, *addresses: tuple[socket.AddressFamily, tuple[str | int, ...]]
) -> None:
    found = [(family, socket.SOCK_STREAM, 0, "", address) for family, address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def refuse_sockets(monkeypatch: pytest.MonkeyPatch, number: int, family: socket.AddressFamily) -> None:
    make = trio.socket.socket

    def refuse(wanted: socket.AddressFamily, *kind: int) -> trio.socket.SocketType:
        if wanted == family:
            raise OSError(number, os.strerror(number))
        return make(wanted, *kind)

    monkeypatch.setattr(trio.socket, "socket", refuse)


async def test_a_board_without_ipv6_reaches_a_name_that_has_it(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_sockets(monkeypatch, errno.EAFNOSUPPORT, socket.AF_INET6)
    has_addresses(monkeypatch, (socket.AF_INET6, ("::1", peer.port, 0, 0)), (socket.AF_INET, ("127.0.0.1", peer.port)))
    port = await open_tcp("plc.example", peer.port)
    assert port.name == f"plc.example:{peer.port}"
    await port.aclose()
    has_addresses(monkeypatch, (socket.AF_INET6, ("::1", peer.port, 0, 0)))
    with pytest.raises(LinkDown, match="does not speak IPv6") as down:
        await open_tcp("plc.example", peer.port)
    assert down.value.reason == "unreachable"


async def test_a_gateway_without_room_for_a_socket_says_so(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_sockets(monkeypatch, errno.EMFILE, socket.AF_INET)
    with pytest.raises(LinkDown, match="as many files and connections open as it may") as down:
        await open_tcp("127.0.0.1", peer.port)
    assert down.value.reason == "error"


async def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(4)]
        for each in held:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        has_addresses(monkeypatch, (socket.AF_INET, full.getsockname()), (socket.AF_INET, ("127.0.0.1", peer.port)))
        before = trio.current_time()
        port = await open_tcp("plc.example", 502)
        assert trio.current_time() - before == pytest.approx(1.5)
        await port.aclose()
        for each in held:
            each.close()


class DeadNameServer:
    """Whoever asks it waits."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.was_asked = threading.Event()
        self.go_on = threading.Event()


@pytest.fixture
def dead_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeadNameServer]:
    server = DeadNameServer()
    real = socket.getaddrinfo

    def ask(host: str, port: int, flags: int = 0, **more: int) -> object:
        if flags & socket.AI_NUMERICHOST:
            return real(host, port, flags=flags, **more)
        server.asked.append(host)
        server.was_asked.set()
        server.go_on.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield server
    server.go_on.set()


async def test_a_dead_name_server_takes_no_threads_from_others(
    peer: Peer, dead_name_server: DeadNameServer, autojump_clock: trio.testing.MockClock
) -> None:
    limiter = trio.to_thread.current_default_thread_limiter()
    for _ in range(int(limiter.total_tokens) + 1):
        with pytest.raises(LinkDown, match="no name server answered within 3 s") as down:
            await open_tcp("plc.example", 502)
        assert down.value.reason == "not_found"
    assert limiter.borrowed_tokens == 0
    port = await open_tcp("127.0.0.1", peer.port)
    await port.aclose()


async def test_a_question_without_an_answer_is_not_asked_again_meanwhile(
    dead_name_server: DeadNameServer, autojump_clock: trio.testing.MockClock
) -> None:
    names = trio.CapacityLimiter(1)
    for _ in range(3):
        with pytest.raises(LinkDown, match="no name server"):
            await open_tcp("plc.example", 502, names=names)
        # A thread takes its time to begin, and the clock here jumps over that.
        assert dead_name_server.was_asked.wait(10)
    assert dead_name_server.asked == ["plc.example"]


async def test_names_that_cannot_be_looked_up_for_want_of_files_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    with pytest.raises(LinkDown, match="as many files") as down:
        await open_tcp("plc.example", 502)
    assert down.value.reason == "error"


@pytest.mark.parametrize("host", ["a..b", ".", "x" * 64, "x" * 300])
async def test_what_cannot_be_a_name_is_a_name_that_is_not_known(host: str) -> None:
    with pytest.raises(LinkDown, match="cannot be a name of a host") as down:
        await open_tcp(host, 502)
    assert down.value.reason == "not_found"
