import re
import socket
from pathlib import Path

import pytest
import trio

from drivers.ports.port import Port
from drivers.ports.serial_port import SerialSettings, open_serial
from drivers.ports.tcp_port import open_tcp
from drivers.simulated.framing import Request, RtuFraming, TcpFraming
from drivers.simulated.plan import DevicePlan, read_plan
from gateway.field.simulate import SimulationError, serve
from gateway.settings.problems import SettingsError

DEMO = Path(__file__).parents[3] / "config" / "demo-devices.toml"

SILENCE_S = 0.003  # 3.5 characters and some: without it the devices take two frames for one


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demo on a TCP port that is free."""
    path = tmp_path / "devices.toml"
    path.write_text(DEMO.read_text().replace("tcp_port = 15020", "tcp_port = 0"))
    return path


async def heard(port: Port, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = await port.receive(trio.current_time() + 5)
        assert more is not None
        data += more
    return data


async def test_the_demo_answers_on_its_terminal_and_its_address(demo: Path, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:

        async def start(task_status: trio.TaskStatus[list[str]]) -> None:
            await serve(demo, directory=tmp_path / "demo", task_status=task_status)

        terminal, address = await nursery.start(start)
        assert terminal == str(tmp_path / "demo" / "tty-rs485")

        rtu = RtuFraming()
        serial = await open_serial(SerialSettings(terminal, stopbits=2))
        await serial.send(rtu.encode(Request(1, b""), 1, bytes.fromhex("04 0000 0002")))
        meter = rtu.decode(await heard(serial, 9))
        assert meter is not None
        assert meter.pdu.hex().startswith("04044366")  # 230 V and a little
        await serial.pause_until(trio.current_time() + SILENCE_S)
        await serial.send(rtu.encode(Request(2, b""), 2, bytes.fromhex("03 0003 0003")))
        assert await heard(serial, 5) == rtu.encode(Request(2, b""), 2, b"\x83\x02")
        await serial.pause_until(trio.current_time() + SILENCE_S)
        await serial.send(rtu.encode(Request(4, b""), 4, bytes.fromhex("03 0000 0001")))
        assert await serial.receive(trio.current_time() + 0.1) is None
        await serial.aclose()

        tcp = TcpFraming()
        host, port = address.rsplit(":", 1)
        network = await open_tcp(host, int(port))
        await network.send(tcp.encode(Request(1, b"", 3), 1, bytes.fromhex("03 0000 0007")))
        assert await heard(network, 23) == tcp.encode(Request(1, b"", 3), 1, b"\x03\x0eFerrule Works\0")
        await network.aclose()
        nursery.cancel_scope.cancel()


def rows(comment: str) -> set[tuple[str, int, str]]:
    """The register table of a comment: table, first address and type of each row that names one."""
    row = re.compile(r"^#   (coil|discrete|input|holding) +(\d+)(?: to (\d+))? +(?!to )(\w+) ", re.MULTILINE)
    return {
        (table, address, kind)
        for table, first, last, kind in row.findall(comment)
        for address in range(int(first), int(last or first) + 1)
    }


def test_the_tables_in_the_comments_of_the_demo_are_true() -> None:
    text = DEMO.read_text()
    comments = re.findall(r"((?:^#.*\n)+)\[\[line\.device\]\]", text, re.MULTILINE)
    devices: list[DevicePlan] = [device for line in read_plan(text).line for device in line.device]
    assert len(comments) == len(devices) == 7
    for comment, device in zip(comments, devices, strict=True):
        assert f"# Unit {device.unit}: " in comment
        assert rows(comment) == {(point.table, point.address, point.type) for point in device.point}


async def test_a_wrong_file_is_named_with_its_key(demo: Path, tmp_path: Path) -> None:
    text = await trio.Path(demo).read_text()
    await trio.Path(demo).write_text(text.replace("turnaround_s = 0.004", "turnaround = 0.004"))
    line = text[: text.index("turnaround_s = 0.004")].count("\n") + 1
    with pytest.raises(
        SettingsError, match=rf"devices\.toml:{line}:1: error: unknown key \"turnaround\" in \[\[line\.dev"
    ):
        await serve(demo, directory=tmp_path)


async def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml:1:1: error: cannot read the file: no such file"):
        await serve(tmp_path / "absent.toml", directory=tmp_path)


async def test_a_taken_address_says_so_and_leaves_no_terminal_behind(demo: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = await trio.Path(demo).read_text()
        await trio.Path(demo).write_text(text.replace("tcp_port = 0", f"tcp_port = {port}"))
        with pytest.raises(SimulationError, match=f"line plant: cannot listen on 127.0.0.1:{port}"):
            await serve(demo, directory=tmp_path / "demo")
    assert not (tmp_path / "demo").exists()


async def test_a_file_of_the_users_is_never_replaced_by_a_terminal(demo: Path, tmp_path: Path) -> None:
    taken = tmp_path / "tty-rs485"
    taken.write_text("mine")
    with pytest.raises(SimulationError, match="is there already and is no link: move it away"):
        await serve(demo, directory=tmp_path)
    assert taken.read_text() == "mine"


async def test_a_second_simulation_leaves_the_links_of_the_first_alone(demo: Path, tmp_path: Path) -> None:
    link = tmp_path / "tty-rs485"
    async with trio.open_nursery() as nursery:

        async def start(task_status: trio.TaskStatus[list[str]]) -> None:
            await serve(demo, directory=tmp_path, task_status=task_status)

        await nursery.start(start)
        target = link.readlink()
        with pytest.raises(SimulationError, match=r"line rs485: .*tty-rs485 belongs to a simulation that is running"):
            await serve(demo, directory=tmp_path)
        assert link.readlink() == target
        nursery.cancel_scope.cancel()


async def test_a_taken_address_is_found_before_any_link_is_put(demo: Path, tmp_path: Path) -> None:
    link = tmp_path / "tty-rs485"
    link.symlink_to("/dev/pts/nothing")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = await trio.Path(demo).read_text()
        port = taken.getsockname()[1]
        await trio.Path(demo).write_text(text.replace("tcp_port = 0", f"tcp_port = {port}"))
        with pytest.raises(SimulationError, match="cannot listen on"):
            await serve(demo, directory=tmp_path)
    assert str(link.readlink()) == "/dev/pts/nothing"


async def test_a_link_of_the_users_is_never_replaced_by_a_terminal(demo: Path, tmp_path: Path) -> None:
    link = tmp_path / "tty-rs485"
    link.symlink_to("/dev/null")
    with pytest.raises(SimulationError, match="is there already and is a link to /dev/null: move it away"):
        await serve(demo, directory=tmp_path)
    assert str(link.readlink()) == "/dev/null"
