import asyncio
import math
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import trio
from pymodbus.client import AsyncModbusTcpClient, ModbusSerialClient, ModbusTcpClient
from pymodbus.pdu.diag_message import DiagnosticBase
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from drivers.ports.port import LinkDown, Port
from drivers.ports.serial_port import SerialSettings, open_serial
from drivers.ports.tcp_port import open_tcp
from drivers.simulated.claim import LinkTakenError
from drivers.simulated.device import Point, SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window, WireFaults
from drivers.simulated.framing import Request, RtuFraming, TcpFraming
from drivers.simulated.pty_server import PtyServer
from drivers.simulated.signals import Constant
from drivers.simulated.tcp_server import TcpServer

READ_TWO = b"\x03\x00\x00\x00\x02"
ANSWER = b"\x03\x04\x00\x05\x00\x06"


def make_devices() -> list[SimulatedDevice]:
    return [
        SimulatedDevice(
            unit,
            coil=dict.fromkeys(range(8), 0),
            discrete={0: 1, 1: 0, 2: 1},
            holding={0: 5, 1: 6, 2: 7},
            points=[Point("input", 0, Constant(230.5), "float32")],
            identity={0: "Maker", 1: "Model", 2: "1.0"},
        )
        for unit in (1, 2)
    ]


@pytest.fixture
async def terminal(tmp_path: Path, nursery: trio.Nursery) -> PtyServer:
    server = PtyServer(tmp_path / "var" / "tty-bus", make_devices(), faults={2: DeviceFaults(silent=True)})
    await nursery.start(server.serve)
    return server


@pytest.fixture
async def tcp(nursery: trio.Nursery) -> AsyncIterator[TcpServer]:
    server = TcpServer("127.0.0.1", 0, make_devices())
    await nursery.start(server.serve)
    assert server.address[1] != 0
    yield server
    nursery.cancel_scope.cancel()


async def exchange(port: Port, request: bytes, length: int) -> bytes:
    await port.send(request)
    heard = b""
    while len(heard) < length:
        data = await port.receive(trio.current_time() + 5)
        assert data is not None
        heard += data
    return heard


async def rtu_exchange(port: Port) -> bytes:
    return await exchange(port, RtuFraming().encode(Request(1, b""), 1, READ_TWO), 9)


async def tcp_exchange(port: Port) -> bytes:
    return await exchange(port, TcpFraming().encode(Request(1, b"", 5), 1, READ_TWO), 13)


async def test_a_terminal_answers_and_keeps_the_wire_time(terminal: PtyServer) -> None:
    port = await open_serial(SerialSettings(str(terminal.link)))
    before = trio.current_time()
    assert await rtu_exchange(port) == RtuFraming().encode(Request(1, b""), 1, ANSWER)
    assert trio.current_time() - before >= (8 + 3.5 + 9) * 10 / 19200 + 0.002
    assert terminal.stations.counts["reply"] == 1
    await port.aclose()


async def test_an_instant_terminal_needs_no_wire_time(tmp_path: Path, nursery: trio.Nursery) -> None:
    server = PtyServer(tmp_path / "tty", make_devices(), instant=True)
    await nursery.start(server.serve)
    port = await open_serial(SerialSettings(str(server.link)))
    for _ in range(3):
        assert await rtu_exchange(port) == RtuFraming().encode(Request(1, b""), 1, ANSWER)
    await port.aclose()
    nursery.cancel_scope.cancel()


async def test_an_unplugged_terminal_hangs_up_and_comes_back_under_its_link(terminal: PtyServer) -> None:
    port = await open_serial(SerialSettings(str(terminal.link)))
    first = port.facts.resolved
    terminal.plug.unplug()
    with pytest.raises(LinkDown) as down:
        await port.receive(math.inf)
    assert down.value.reason == "hung_up"
    await port.aclose()
    with pytest.raises(LinkDown) as down:
        await open_serial(SerialSettings(str(terminal.link)))
    assert down.value.reason == "not_found"
    holder = await trio.open_file(first, "rb") if await trio.Path(first).exists() else None
    terminal.plug.replug()
    while not await trio.Path(terminal.link).exists():
        await trio.lowlevel.checkpoint()
    port = await open_serial(SerialSettings(str(terminal.link)))
    assert await rtu_exchange(port) == RtuFraming().encode(Request(1, b""), 1, ANSWER)
    await port.aclose()
    if holder is not None:
        await holder.aclose()


async def test_the_link_goes_when_the_server_ends(tmp_path: Path) -> None:
    server = PtyServer(tmp_path / "tty", make_devices())
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        assert server.link.is_symlink()
        nursery.cancel_scope.cancel()
    assert not server.link.is_symlink()


async def test_a_stale_link_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    link.symlink_to("/dev/pts/nothing")
    async with trio.open_nursery() as nursery:
        await nursery.start(PtyServer(link, make_devices()).serve)
        assert link.exists()
        nursery.cancel_scope.cancel()


async def test_a_link_that_is_served_is_not_taken(terminal: PtyServer) -> None:
    before = terminal.link.readlink()
    with pytest.raises(LinkTakenError, match="is served by another process"):
        await PtyServer(terminal.link, make_devices()).serve()
    assert terminal.link.readlink() == before


async def test_a_link_is_free_again_when_its_server_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            await nursery.start(PtyServer(tmp_path / "tty", make_devices()).serve)
            nursery.cancel_scope.cancel()


async def test_a_link_put_by_somebody_else_stays(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        server = PtyServer(tmp_path / "tty", make_devices())
        await nursery.start(server.serve)
        server.link.unlink()
        server.link.symlink_to("/dev/ttyUSB0")
        nursery.cancel_scope.cancel()
    assert str(server.link.readlink()) == "/dev/ttyUSB0"


async def test_the_terminal_follows_unplug_windows(tmp_path: Path, nursery: trio.Nursery) -> None:
    windows = WireFaults(unplugged=(Window(0.05, 0.1),))
    server = PtyServer(tmp_path / "tty", make_devices(), wire_faults=windows)
    await nursery.start(server.serve)
    port = await open_serial(SerialSettings(str(server.link)))
    with pytest.raises(LinkDown):
        await port.receive(math.inf)
    await port.aclose()
    while not server.link.exists():
        await trio.lowlevel.checkpoint()
    nursery.cancel_scope.cancel()


async def test_tcp_serves_several_masters_at_once(tcp: TcpServer) -> None:
    ports = [await open_tcp(*tcp.address) for _ in range(4)]
    for port in ports:
        assert await tcp_exchange(port) == TcpFraming().encode(Request(1, b"", 5), 1, ANSWER)
        await port.aclose()


async def test_an_unplugged_server_breaks_connections_and_refuses_new_ones(tcp: TcpServer) -> None:
    port = await open_tcp(*tcp.address)
    assert await tcp_exchange(port)
    tcp.plug.unplug()
    with pytest.raises(LinkDown) as down:
        await port.receive(math.inf)
    assert down.value.reason in {"closed", "reset"}
    await port.aclose()
    with pytest.raises(LinkDown) as down:
        await open_tcp(*tcp.address)
    assert down.value.reason == "refused"
    tcp.plug.replug()
    with trio.fail_after(5):
        while True:
            try:
                port = await open_tcp(*tcp.address)
                break
            except LinkDown:
                await trio.lowlevel.checkpoint()
    assert await tcp_exchange(port)
    await port.aclose()


async def test_a_taken_address_is_an_os_error(tcp: TcpServer) -> None:
    with pytest.raises(OSError, match="in use"):
        await TcpServer("127.0.0.1", tcp.address[1], []).serve()


def visit(client: ModbusSerialClient | ModbusTcpClient) -> None:
    """Use everything pymodbus can ask of a device."""
    assert client.connect()
    try:
        assert client.read_holding_registers(0, count=3, device_id=1).registers == [5, 6, 7]
        volts = client.read_input_registers(0, count=2, device_id=1).registers
        assert client.convert_from_registers(volts, client.DATATYPE.FLOAT32) == pytest.approx(230.5)
        assert client.read_discrete_inputs(0, count=3, device_id=1).bits[:3] == [True, False, True]
        assert not client.write_coil(3, True, device_id=1).isError()
        assert not client.write_coils(5, [True, False, True], device_id=1).isError()
        assert client.read_coils(0, count=8, device_id=1).bits[:8] == [address in {3, 5, 7} for address in range(8)]
        assert not client.write_register(0, 0x1234, device_id=1).isError()
        assert not client.write_registers(1, [8, 9], device_id=1).isError()
        assert not client.mask_write_register(address=2, and_mask=0xFFF0, or_mask=0x0005, device_id=1).isError()
        merged = client.readwrite_registers(read_address=0, read_count=3, write_address=0, values=[77], device_id=1)
        assert merged.registers == [77, 8, 5]
        assert client.read_holding_registers(2, count=2, device_id=1).exception_code == 2
        echo = client.diag_query_data(b"\xa5\x37", device_id=1)
        assert isinstance(echo, DiagnosticBase)
        assert echo.message == b"\xa5\x37"
        identity = client.read_device_information(read_code=1, device_id=1)
        assert isinstance(identity, ReadDeviceInformationResponse)
        assert identity.information == {0: b"Maker", 1: b"Model", 2: b"1.0"}
    finally:
        client.close()  # type: ignore[no-untyped-call]  # pymodbus left it untyped


@pytest.mark.interop
async def test_pymodbus_reads_and_writes_through_the_terminal(terminal: PtyServer) -> None:
    client = ModbusSerialClient(str(terminal.link), baudrate=19200, timeout=5, retries=0)
    await trio.to_thread.run_sync(visit, client)


@pytest.mark.interop
async def test_pymodbus_reads_and_writes_through_tcp(tcp: TcpServer) -> None:
    client = ModbusTcpClient(tcp.address[0], port=tcp.address[1], timeout=5, retries=0)
    await trio.to_thread.run_sync(visit, client)


@pytest.mark.interop
async def test_pymodbus_async_client_reads_through_tcp(tcp: TcpServer) -> None:
    async def read() -> list[Sequence[int]]:
        client = AsyncModbusTcpClient(tcp.address[0], port=tcp.address[1], timeout=5, retries=0)
        assert await client.connect()
        answers = [await client.read_holding_registers(0, count=3, device_id=unit) for unit in (1, 2)]
        client.close()
        return [answer.registers for answer in answers]

    assert await trio.to_thread.run_sync(lambda: asyncio.run(read())) == [[5, 6, 7], [5, 6, 7]]


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed")
@pytest.mark.parametrize("transport", ["rtu", "tcp"])
async def test_mbpoll_reads_and_writes(terminal: PtyServer, tcp: TcpServer, transport: str) -> None:
    place = (
        ["-m", "rtu", "-b", "19200", "-P", "none", str(terminal.link)]
        if transport == "rtu"
        else ["-m", "tcp", "-p", str(tcp.address[1]), tcp.address[0]]
    )

    async def mbpoll(*options: str) -> subprocess.CompletedProcess[bytes]:
        command = ["mbpoll", "-0", "-1", "-q", "-o", "5", "-a", "1", *options]
        return await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)

    read = await mbpoll("-r", "0", "-c", "3", "-t", "4", *place)
    assert read.returncode == 0, read.stderr
    values = [line.split()[-1] for line in read.stdout.decode().splitlines() if line.startswith("[")]
    assert values == ["5", "6", "7"]
    volts = await mbpoll("-r", "0", "-c", "1", "-t", "3:float", "-B", *place)
    assert b"230.5" in volts.stdout, volts.stderr
    written = await mbpoll("-r", "2", "-t", "4", *place, "4660")
    assert written.returncode == 0, written.stderr
    server = terminal if transport == "rtu" else tcp
    assert server.stations.devices[1].get("holding", 2) == 4660
