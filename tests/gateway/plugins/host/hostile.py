"""Plugins that mean harm, each a piece of Python behind the prelude of ``real``; each says ``begun`` when it begins."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.plugins.host.sandbox import MEBI, Bounds

TIGHT = Bounds(memory=64 * MEBI, tasks=16, cpu=0.2)


@dataclass(frozen=True, slots=True)
class Hostile:
    """One of them.

    Attributes:
        code: what it does.
        falls: reasons for which it may be ended; none: it may go on.
        permissions: that were granted to it.
    """

    code: str
    falls: frozenset[str] = frozenset({"silent", "cpu", "memory", "killed", "ended"})
    permissions: tuple[str, ...] = ()


def flood(noise: str, stream: str = "stdout") -> Hostile:
    """Says the same as fast as its pipe takes it."""
    return Hostile(f"""
def work():
    say("begun")
    # Its log has room for so many lines a minute: this is one of them.
    time.sleep(0.3)
    noise = {noise}
    while True:
        os.write(sys.{stream}.fileno(), noise)
main(work)
""")


def asking(method: str, params: str, *permissions: str) -> Hostile:
    """Asks for something as fast as it can, by numbers that grow, and reads no answer."""
    return Hostile(
        f"""
def work():
    say("begun")
    number = 0
    while True:
        number += 1
        send(id=number, method="{method}", params={params})
main(work)
""",
        permissions=permissions,
    )


PROGRAMS = {
    "a fork bomb": Hostile("""
def work():
    say("begun")
    while True:
        try:
            os.fork()
        except OSError:
            pass
main(work)
"""),
    "a memory hog of many processes": Hostile("""
def work():
    say("begun")
    for _ in range(8):
        if os.fork() == 0:
            held = b"x" * (40 * 2**20)
            time.sleep(1000)
main(work)
"""),
    "a hog of the processor": Hostile("""
def work():
    say("begun")
    for _ in range(6):
        if os.fork() == 0:
            while True:
                pass
main(work)
"""),
    "a hog in sessions of its own": Hostile("""
def work():
    say("begun")
    for _ in range(12):
        if os.fork() == 0:
            tried(os.setsid)
            while True:
                pass
main(work)
"""),
    "a farm of zombies": Hostile("""
def work():
    say("begun")
    while True:
        try:
            if os.fork() == 0:
                os._exit(0)
        except OSError:
            time.sleep(0.01)
main(work)
"""),
    "daemons": Hostile("""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def work():
    say("begun")
    for _ in range(4):
        if os.fork() == 0:
            tried(os.setsid)
            if os.fork() == 0:
                tried(os.setsid)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                time.sleep(1000)
            os._exit(0)
main(work, ends=False)
"""),
    "silence": Hostile("""
for _ in range(2):
    send(id=json.loads(sys.stdin.readline())["id"], result={"status": "healthy"})
say("begun")
time.sleep(1000)
"""),
    "deafness": Hostile(
        """
for _ in range(2):
    send(id=json.loads(sys.stdin.readline())["id"], result={"status": "healthy"})
send(id=1, method="event.subscribe", params={"name": "all", "patterns": ["tag:changed", "noise:*"]})
say("begun")
while True:
    send(id=2, method="event.publish", params={"type": "noise:made", "data": {"x": "y" * 1000}})
    send(id=3, method="tag.list", params={})
""",
        permissions=("read-events", "read-tags", "publish-events"),
    ),
    "lines that are no messages": flood("b'babble\\n' * 1000"),
    "a line without end": flood("b'x' * 100_000"),
    "lines of a megabyte": flood("b'{' + b' ' * 2**20 + b'}\\n'"),
    "no UTF-8": flood("bytes([0xff, 0xfe, 0xc3, 0x28, 0x0a]) * 1000"),
    "depth": flood("b'[' * 8000 + b'\\n'"),
    "depth in an object": flood("b'{\"a\":' * 8000 + b'1' + b'}' * 8000 + b'\\n'"),
    "breadth": flood(
        'b\'{"jsonrpc":"2.0","id":1,"method":"tag.read","params":{"tags":[\' + b\'"",\' * 60_000 + b\'""]}}\\n\''
    ),
    "many members": flood("b'{' + b','.join(b'\"%d\":%d' % (n, n) for n in range(15_000)) + b'}\\n'"),
    "huge numbers": flood(
        'b\'{"jsonrpc":"2.0","id":1,"method":"tag.write","params":{"tag":"bus/d1/set","value":[\' '
        "+ b','.join([b'9' * 4000] * 60) + b']}}\\n'"
    ),
    "too huge numbers": flood('b\'{"jsonrpc":"2.0","id":\' + b\'9\' * 200_000 + b\',"result":1e99999}\\n\''),
    "complaints": flood("b'complaint\\n' * 1000", "stderr"),
    "a complaint without end": flood("b'x' * 100_000", "stderr"),
    "answers to nobody": flood(
        'b\'\'.join(b\'{"jsonrpc":"2.0","id":%d,"result":{"status":"healthy"}}\\n\' % n for n in range(3, 1000))'
    ),
    "answers in vain to what was asked of others": Hostile("""
import itertools
asked = []
def work():
    say("begun")
    for number in itertools.count(3):
        send(id=number, result={"status": "healthy"})
        send(id=str(number), result=None)
        send(id=None, error={"code": 1, "message": "x"})
        time.sleep(0.001)
main(work)
"""),
    "answers after the deadline": Hostile("""
def late(id_):
    time.sleep(4)
    send(id=id_, result={"status": "healthy"})
for number, line in enumerate(sys.stdin):
    asked = json.loads(line)
    if "id" not in asked:
        continue
    if number < 2:
        send(id=asked["id"], result={"status": "healthy"})
        if number:
            say("begun")
    else:
        threading.Thread(target=late, args=(asked["id"],), daemon=True).start()
"""),
    "a closed standard input": Hostile("""
def work():
    say("begun")
    os.close(0)
    time.sleep(1000)
main(work)
time.sleep(1000)
"""),
    "a closed standard output": Hostile("""
def work():
    say("begun")
    time.sleep(0.2)
    os.close(1)
    time.sleep(1000)
main(work)
"""),
    "deafness to signals": Hostile("""
import signal
for one in range(1, 65):
    try:
        signal.signal(one, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
main(lambda: say("begun"), ends=False)
while True:
    time.sleep(1000)
"""),
    "a quick death": Hostile("""
main(lambda: (say("begun"), time.sleep(0.2), os.abort()))
"""),
    "a full disk": Hostile(
        """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def work():
    say("begun")
    number = 0
    while True:
        number += 1
        try:
            with open(f"/data/{number}", "wb") as file:
                file.write(b"x" * 2**20)
        except OSError:
            time.sleep(0.01)
main(work)
""",
        frozenset({"disk", "cpu"}),
    ),
    "many files": Hostile(
        """
def work():
    say("begun")
    number = 0
    while True:
        number += 1
        tried(lambda: open(f"/data/{number}", "w").close())
main(work)
""",
        frozenset({"disk", "cpu"}),
    ),
    "a deep directory": Hostile(
        """
def work():
    say("begun")
    os.chdir("/data")
    for number in range(300):
        os.mkdir("x" * 200)
        os.chdir("x" * 200)
main(work)
""",
        frozenset({"disk", "cpu"}),
    ),
    "links out of its directory": Hostile(
        """
def work():
    for number, target in enumerate(("/", "/etc/shadow", "..", "../..", "loop", "/proc/1/root", "/proc/self/fd")):
        os.symlink(target, f"/data/{number}")
    os.symlink("loop", "/data/loop")
    os.mkdir("/data/closed")
    os.symlink("/", "/data/closed/root")
    os.mkfifo("/data/pipe")
    os.chmod("/data/closed", 0)
    say("begun")
main(work)
""",
        frozenset({"disk"}),
    ),
    "a hand at the gateway": Hostile("""
import ctypes, signal
libc = ctypes.CDLL(None, use_errno=True)
def work():
    say("begun")
    while True:
        for pid in (1, 2, os.getppid(), -1, 0):
            if pid not in (0, -1):
                tried(lambda: os.kill(pid, signal.SIGKILL))
            libc.ptrace(16, pid, 0, 0)
            libc.process_vm_readv(pid, None, 0, None, 0, 0)
        for path in ("/proc/1/mem", "/proc/1/root/etc/shadow", "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern"):
            tried(lambda: open(path, "r+b").close())
        for call in (b"reboot", b"unshare", b"setns", b"mount", b"pivot_root"):
            tried(lambda: getattr(libc, call.decode())(0x10000000, 0, 0, 0, 0))
        time.sleep(0.001)
main(work)
"""),
    "a flood of readings": asking(
        "reading.publish", '{"tag": "plugin/heat/n%d" % (number % 200), "value": number}', "publish-readings"
    ),
    "a flood of events": asking(
        "event.publish", '{"type": "noise:made", "data": {"x": ["y"] * 2000}, "persistent": True}', "publish-events"
    ),
    "a flood of writes": asking("tag.write", '{"tag": "bus/d1/set", "value": number % 60000}', "write-tags"),
    "a flood of values": asking("storage.put", '{"key": "k%d" % number, "value": "v" * 60_000}', "use-storage"),
    "a flood of messages to itself": asking(
        "message.send", '{"to": "heat", "type": "x", "payload": "y" * 40_000, "timeout": 300}', "send-messages"
    ),
    "a flood of reads of everything": asking("tag.read", '{"tags": ["bus/d1/set"] * 200, "maxAge": 0}', "read-tags"),
    "subscriptions without end": asking(
        "event.subscribe", '{"name": "n%d" % number, "patterns": ["a:b%d:*" % n for n in range(50)]}', "read-events"
    ),
    "a log without end": asking("log", '{"message": "\\x1b[2J\\r" * 2000, "level": "error"}'),
}
