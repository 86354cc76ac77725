"""The sandbox as data: the very words that are run, and what is missing where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.plugins.host.command import INSIDE, NoRuntimeError, command, environment, places
from gateway.plugins.host.sandbox import MEBI, WORDS, Bounds, Means, Protection, Runtime, Sandbox, missing

ALL = Means(
    bubblewrap="/usr/bin/bwrap",
    nested=True,
    prlimit="/usr/bin/prlimit",
    nice="/usr/bin/nice",
    choom="/usr/bin/choom",
    sh="/usr/bin/sh",
    python="/usr/bin/python3",
    node="/usr/bin/node",
    root=True,
)
# Tried for real in test_barrier.
GIVES_WAY = (
    "if [ -w /proc/self/autogroup ]; then n=0; "
    'until echo "$0" > /proc/self/autogroup || [ $n = 30 ]; do n=$((n + 1)); sleep 0.1; done 2> /dev/null; fi; '
    'exec "$@"'
)
NONE = Means(python="/usr/bin/python3")
SANDBOX = Sandbox(
    instance="scale-1",
    runtime=Runtime.PYTHON,
    command=("main.py", "--fast"),
    package=Path("/state/packages/scale"),
    data=Path("/state/data/scale-1"),
    user=120_000,
    bounds=Bounds(memory=64 * MEBI, tasks=16, scratch=MEBI),
)


def after(words: tuple[str, ...], option: str) -> list[str]:
    return [words[index + 1] for index, word in enumerate(words) if word == option]


def test_the_command_line_of_a_whole_sandbox() -> None:
    words = command(SANDBOX, ALL)
    assert words[0] == "/usr/bin/bwrap"
    assert words[words.index("--") + 1 :] == (
        "/usr/bin/choom",
        "-n",
        "500",
        "--",
        "/usr/bin/prlimit",
        f"--data={64 * MEBI}",
        "--stack=1048576",
        "--nproc=16",
        "--nofile=64",
        f"--fsize={16 * MEBI}",
        "--core=0",
        "--memlock=0",
        "--msgqueue=0",
        "--rtprio=0",
        "--",
        "/usr/bin/sh",
        "-c",
        GIVES_WAY,
        "10",
        "/usr/bin/nice",
        "-n",
        "10",
        "/usr/bin/python3",
        "-s",
        "-B",
        "/plugin/main.py",
        "--fast",
    )
    made = words[: words.index("--")]
    for option in ("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"):
        assert option in made
    assert after(made, "--cap-drop") == ["ALL"]
    assert after(made, "--bind") == ["/state/data/scale-1"]
    assert after(made, "--ro-bind") == ["/usr", "/state/packages/scale"]
    assert after(made, "--tmpfs") == ["/dev/shm", "/tmp"]
    assert after(made, "--size") == [str(MEBI), str(MEBI)]
    assert after(made, "--remount-ro") == ["/dev", "/"]
    assert "--share-net" not in made
    assert not any("/etc/resolv.conf" in word or word == "/etc" for word in made)


def test_the_network_is_there_only_where_it_is_granted() -> None:
    words = command(replace(SANDBOX, network=True), ALL)
    assert "--share-net" in words
    assert "/etc/resolv.conf" in after(words, "--ro-bind-try")
    assert "/etc/shadow" not in words


def test_no_variable_of_the_gateway_is_handed_on() -> None:
    found = environment(replace(SANDBOX, kit=Path("/kits"), environment={"TZ": "UTC"}), INSIDE)
    assert found == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/data",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "FERRULE_INSTANCE": "scale-1",
        "FERRULE_DATA": "/data",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": "/kit",
        "TZ": "UTC",
    }


def test_without_bubblewrap_there_are_limits_and_real_paths() -> None:
    means = replace(ALL, bubblewrap=None)
    words = command(replace(SANDBOX, user=None), means, neighbours=200)
    assert words[:5] == ("/usr/bin/choom", "-n", "500", "--", "/usr/bin/prlimit")
    assert "--nproc=216" in words
    assert words[-2:] == ("/state/packages/scale/main.py", "--fast")
    assert environment(SANDBOX, places(SANDBOX, means))["HOME"] == "/state/data/scale-1"


@pytest.mark.parametrize(
    ("runtime", "start"),
    [
        (Runtime.NODE, ("/usr/bin/node", "--max-old-space-size=32", "/plugin/main.py", "--fast")),
        (Runtime.EXECUTABLE, ("/plugin/main.py", "--fast")),
    ],
)
def test_runtimes(runtime: Runtime, start: tuple[str, ...]) -> None:
    assert command(replace(SANDBOX, runtime=runtime), ALL)[-len(start) :] == start


@pytest.mark.parametrize(("runtime", "words"), [(Runtime.PYTHON, "python3"), (Runtime.NODE, "nodejs")])
def test_a_runtime_that_is_not_there_is_named(runtime: Runtime, words: str) -> None:
    with pytest.raises(NoRuntimeError, match=words):
        command(replace(SANDBOX, runtime=runtime), Means())


def test_what_is_missing_is_said() -> None:
    soft = {Protection.MEMORY_IN_ALL, Protection.CPU, Protection.DISK}
    assert set(missing(SANDBOX, ALL)) == soft
    assert set(missing(SANDBOX, replace(ALL, closes=False))) == soft | {Protection.CALLS}
    assert set(missing(replace(SANDBOX, user=None), ALL)) == soft | {Protection.OWN_USER, Protection.TASKS}
    assert set(missing(replace(SANDBOX, user=None), NONE)) == set(Protection)
    assert Protection.NETWORK not in missing(replace(SANDBOX, network=True), NONE)
    assert WORDS.keys() == set(Protection)
