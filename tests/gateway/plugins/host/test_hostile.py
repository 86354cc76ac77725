"""Plugins that mean harm, as real processes: each is contained, and nothing of it is left."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from gateway.plugins.host.sandbox import MEBI, Bounds, Means
from gateway.plugins.host.states import State

from .real import TIMING, resident, site

pytestmark = pytest.mark.e2e


async def test_a_fork_bomb_ends_at_its_bound(means: Means, place: Path) -> None:
    code = """
def work():
    count = 0
    try:
        while count < 1000:
            if os.fork() == 0:
                time.sleep(1000)
            count += 1
    except OSError as error:
        say("forked", count, error.errno)
main(work)
"""
    async with site(means, place, code) as on:
        _, count, _ = (await on.says("forked")).split()
        assert 1 <= int(count) < 16
        assert on.instance.state is State.ACTIVE
        assert len(on.seen) > 5


async def test_a_bomb_that_goes_on_is_ended_whole(means: Means, place: Path) -> None:
    code = """
def work():
    say("lit")
    while True:
        try:
            os.fork()
        except OSError:
            pass
main(work)
"""
    bounds = Bounds(memory=64 * MEBI, tasks=12)
    async with site(means, place, code, bounds=bounds, timing=replace(TIMING, shutdown=0.5, terminate=0.2)) as on:
        await on.says("lit")
        await trio.sleep(0.5)


async def test_memory_ends_at_its_bound_in_one_process(means: Means, place: Path) -> None:
    code = """
def work():
    say("got", tried(lambda: len(bytearray(200 * 2**20))))
main(work)
"""
    async with site(means, place, code) as on:
        assert await on.says("got") == "got MemoryError"


async def test_memory_of_many_processes_is_seen(means: Means, place: Path) -> None:
    code = """
def work():
    for _ in range(6):
        if os.fork() == 0:
            held = b"x" * (30 * 2**20)
            time.sleep(1000)
main(work)
"""
    async with site(means, place, code) as on:
        assert await on.falls() == "memory"
        assert on.left() == set()


async def test_it_reads_and_writes_nothing_but_its_own(means: Means, place: Path) -> None:
    other = place / "data" / "other-1"
    (place / "secret").write_text("state of the gateway")
    code = f"""
def work():
    for name, what in {{
        "shadow": lambda: open("/etc/shadow").read(),
        "passwd": lambda: open("/etc/passwd").read(),
        "state": lambda: open("{place}/secret").read(),
        "other": lambda: os.listdir("{other}"),
        "home": lambda: os.listdir("/root"),
        "usr": lambda: open("/usr/evil", "w"),
        "package": lambda: open("/plugin/main.py", "a"),
        "root": lambda: open("/evil", "w"),
        "dev": lambda: os.listdir("/dev/disk"),
        "init": lambda: os.kill(1, 9) or "sent",
        "processes": lambda: len([one for one in os.listdir("/proc") if one.isdigit()]),
        "mount": lambda: subprocess.run(["mount", "-t", "tmpfs", "x", "/tmp"], capture_output=True).returncode != 0,
        "namespace": lambda: subprocess.run(["unshare", "-U", "true"], capture_output=True).returncode != 0,
        "variables": lambda: sorted(os.environ),
        "data": lambda: open("/data/mine", "w").write("x"),
    }}.items():
        say(name, tried(what))
    say("done")
main(work)
"""
    async with site(means, place, code) as on:
        other.mkdir()
        await on.says("done")
        said = dict(note.text.split(" ", 1) for note in on.instance.notes.last() if " " in note.text)
        for name in ("shadow", "passwd", "state", "other", "home", "dev"):
            assert said[name] in {"FileNotFoundError", "PermissionError"}, name
        for name in ("usr", "package", "root"):
            assert said[name] in {"OSError", "PermissionError"}, name
        assert int(said["processes"]) <= 4
        assert (said["mount"], said["namespace"]) == ("True", "True")
        assert "PATH" in said["variables"]
        assert not set(os.environ) & {"FERRULE_INSTANCE"}
        assert "VIRTUAL_ENV" not in said["variables"]
        assert said["data"] == "1"
        assert (on.data / "mine").read_text() == "x"
        assert on.instance.state is State.ACTIVE


CALLER = """
def work():
    say("called", tried(lambda: bool(socket.create_connection(("127.0.0.1", {port}), 2))))
main(work)
"""


@pytest.mark.parametrize(("permissions", "outcome"), [((), "ConnectionRefusedError"), (("use-network",), "True")])
async def test_the_network_is_reached_only_where_it_was_granted(
    permissions: tuple[str, ...], outcome: str, means: Means, place: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = CALLER.format(port=server.getsockname()[1])
        async with site(means, place, code, permissions=permissions) as on:
            assert await on.says("called") == f"called {outcome}"


async def test_it_fills_neither_memory_nor_disk_with_files(means: Means, place: Path) -> None:
    code = """
def fill(path):
    with open(path, "wb") as file:
        for count in range(64):
            file.write(b"x" * 2**20)
            file.flush()
    return "filled"
def work():
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    say("shm", tried(lambda: fill("/dev/shm/x")))
    say("tmp", tried(lambda: fill("/tmp/x")))
    say("data", tried(lambda: fill("/data/x")))
    for number in range(8):
        tried(lambda: fill(f"/data/{number}"))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
main(work)
"""
    bounds = Bounds(memory=64 * MEBI, tasks=16, file_size=4 * MEBI, data=10 * MEBI, scratch=MEBI)
    async with site(
        means,
        place,
        code.replace("    import signal\n    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n", ""),
        bounds=bounds,
    ) as on:
        assert await on.falls() == "disk"
        said = [note.text for note in on.instance.notes.last()]
        assert {"shm OSError", "tmp OSError", "data OSError"} <= set(said)
        assert sum(file.stat().st_size for file in on.data.iterdir()) < 40 * MEBI


async def test_who_never_answers_is_ended(means: Means, place: Path) -> None:
    async with site(means, place, "time.sleep(1000)", timing=replace(TIMING, initialize=1.0)) as on:
        assert await on.falls() == "not_initialized"
        assert on.left() == set()


async def test_who_falls_silent_is_ended(means: Means, place: Path) -> None:
    code = """
for _ in range(2):
    send(id=json.loads(sys.stdin.readline())["id"], result={"status": "healthy"})
time.sleep(1000)
"""
    async with site(means, place, code, timing=replace(TIMING, health_within=0.5)) as on:
        assert await on.falls() == "silent"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("what", ["b'babble\\\\n' * 1000", "b'x' * 100_000", "b'{' * 1000 + b'\\\\n'"])
async def test_who_babbles_costs_no_memory(stream: str, what: str, means: Means, place: Path) -> None:
    code = f"""
def work():
    say("begun")
    noise = {what}
    while True:
        os.write(sys.{stream}.fileno(), noise)
main(work)
"""
    # It floods the pipe that its answers go through: to be found hung is no more than it deserves.
    timing = replace(TIMING, shutdown=0.5, terminate=0.2)
    async with site(means, place, code, timing=timing) as on:
        await on.says("begun")
        before = resident()
        await trio.sleep(2)
        assert resident() - before < 30 * MEBI
        assert len(on.instance.notes.last()) <= 200


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("b'x' * 3_000_000", "too_long"),
        ("b'[' * 100_000", "garbage"),
        ("b'{\"a\":' * 40_000", "garbage"),
        ("bytes([0xff, 0xfe, 0x7b])", "garbage"),
        ("b'null'", "garbage"),
    ],
)
async def test_lines_that_are_no_messages_are_counted(line: str, count: str, means: Means, place: Path) -> None:
    code = f"""
def work():
    with lock:
        os.write(1, {line} + b"\\n")
    say("still here")
main(work)
"""
    if "3_000_000" in line:
        code = code.replace("os.write(1, ", "sys.stdout.buffer.write(")
    async with site(means, place, code) as on:
        await on.says("still here")
        assert getattr(on.instance.report().counts, count) == 1
        assert on.instance.state is State.ACTIVE


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os._exit(3)", "ended"),
        ("os.kill(os.getpid(), 11)", "ended"),
        ("main(lambda: os._exit(4))", "ended"),
        ("main(lambda: (time.sleep(0.3), os.abort()))", "ended"),
        ("main(lambda: os.close(1))", "ended"),
    ],
)
async def test_who_crashes_fell(code: str, reason: str, means: Means, place: Path) -> None:
    async with site(means, place, code) as on:
        assert await on.falls() == reason
        assert on.left() == set()


async def test_who_is_slow_is_waited_for(means: Means, place: Path) -> None:
    code = """
time.sleep(1)
main(lambda: say("ready"))
"""
    async with site(means, place, code) as on:
        await on.says("ready")


async def test_who_ignores_the_signal_and_leaves_others_behind_is_ended_with_them(means: Means, place: Path) -> None:
    code = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def work():
    if os.fork() == 0:
        tried(os.setsid)
        if os.fork() == 0:
            tried(os.setsid)
            say("grandchild")
            time.sleep(1000)
        os._exit(0)
main(work, ends=False)
"""
    async with site(means, place, code, timing=replace(TIMING, shutdown=0.3, terminate=0.3)) as on:
        await on.says("grandchild")
        await trio.sleep(0.1)
        assert on.left() != set()


async def test_who_hears_the_signal_may_tidy_up(means: Means, place: Path) -> None:
    code = """
import signal
def tidy(*_):
    open("/data/tidied", "w").close()
    os._exit(0)
signal.signal(signal.SIGTERM, tidy)
main(ends=False)
while True:
    time.sleep(1)
"""
    async with site(means, place, code, timing=replace(TIMING, shutdown=0.3)) as on:
        await on.instance.deactivate(None)
        assert (on.data / "tidied").exists()


async def test_a_hog_of_the_processor_is_ended(means: Means, place: Path) -> None:
    code = """
def work():
    while True:
        pass
main(work)
"""
    # As little as it gets of a machine that has much else to do: it gives way to all of that.
    bounds = Bounds(memory=64 * MEBI, tasks=16, cpu=0.002)
    async with site(means, place, code, bounds=bounds, timing=replace(TIMING, cpu_window=2.0)) as on:
        assert await on.falls() == "cpu"
        assert (on.instance.report().average_cpu or 0) > 0


async def test_a_gateway_that_is_killed_leaves_nothing(means: Means, place: Path) -> None:
    async with site(means, place, "main(lambda: say('up'))") as on:
        await on.says("up")
        on.look()
        (running,) = on.runner.running
        # The death of its parent reaches bubblewrap as a signal of the kernel; the outermost process gets it here.
        os.kill(getattr(running, "pid"), 9)  # noqa: B009 - of a real one only
        assert await on.falls() == "killed"
        await on.empties()


async def test_without_bubblewrap_limits_hold_and_nothing_is_left(bare: Means, place: Path) -> None:
    code = """
def work():
    count = 0
    try:
        while count < 1000:
            if os.fork() == 0:
                os.setsid()
                time.sleep(1000)
            count += 1
    except OSError as error:
        say("forked", count)
main(work)
"""
    # Its bound of tasks is shared with all of its user; that of memory must not be met before.
    async with site(bare, place, code, bounds=Bounds(memory=1024 * MEBI, tasks=16)) as on:
        count = int((await on.says("forked")).split()[1])
        assert count < 1000
        assert "files" in on.instance.report().degraded
        assert ("own_user" in on.instance.report().degraded) is (on.user is None)
        # What leaves everything behind is found as long as it was seen before.
        await on.weighs(count + 1)
