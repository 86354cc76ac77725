"""``ferrule card`` on a card that is really mounted, read-only, by the kernel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts"),
]

FERRULE = Path(sys.executable).with_name("ferrule")
# In a world of mounts of its own: a card, which takes no change once it is read-only.
SCRIPT = """
set -eu
mount -t tmpfs card "$1/card"
cp -r "$1/fresh/." "$1/card"
mount -o remount,ro "$1/card"
act() { "$FERRULE" card "$2" --card "$1/card" --run "$1/run" --config "$1/etc/ferrule.toml" $3 2>&1 || echo "exit $?"; }
change() { mount -o remount,rw "$1/card"; cat > "$1/card/$2"; mount -o remount,ro "$1/card"; }
act "$1" take ""
act "$1" tell "--state $1/state"
echo "== first"
cat "$1/card/ferrule-info.txt"
echo "[gatewya]" | change "$1" ferrule.toml
act "$1" take ""
echo "== second"
cat "$1/card/ferrule-errors.txt"
cat "$1/etc/ferrule.toml"
rm "$1/state/first-admin.code"
act "$1" tell "--state $1/state"
echo "== third"
cat "$1/card/ferrule-info.txt"
cp "$1/fresh/ferrule.toml" "$1/again"
change "$1" ferrule.toml < "$1/again"
act "$1" take ""
echo "== fourth"
ls "$1/card"
"$FERRULE" card reset --card "$1/card" || echo "exit $?"
"$FERRULE" card reset --card "$1/card" --yes
test -s "$1/card/factory-reset"
touch "$1/card/x" 2>&1 || true
"""


def test_a_card_is_taken_over_and_told_of(tmp_path: Path) -> None:
    for name in ("card", "fresh/profiles", "run", "etc/profiles", "state"):
        (tmp_path / name).mkdir(parents=True)
    profile = '[profile]\nname = "own"\ntitle = "Own"\n[[tag]]\nname = "a"\ntable = "coil"\naddress = 0\n'
    (tmp_path / "fresh/profiles/own.toml").write_text(profile)
    config = '[gateway]\nname = "one"\n\n[server]\nbind = "private"\nport = 4711\n'
    (tmp_path / "fresh/ferrule.toml").write_text(config)
    (tmp_path / "fresh/network.toml").write_text('[ethernet]\naddress = "192.168.7.5/24"\n')
    (tmp_path / "state/first-admin.code").write_text("abcde-fghjk\n")
    done = subprocess.run(
        ["unshare", "--mount", "dash", "-c", SCRIPT, "dash", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FERRULE": str(FERRULE)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first, rest = done.stdout.split("== second\n")
    second, rest = rest.split("== third\n")
    third, fourth = rest.split("== fourth\n")

    assert ":4711" in first
    assert (tmp_path / "etc/profiles/own.toml").read_text() == profile
    assert "abcde-fghjk" in first.split("== first\n")[1]
    # The screen shows all but the code: whoever stands before it need not hold the card.
    assert "abcde-fghjk" not in first.split("== first\n")[0]
    assert "Address=192.168.7.5/24" in (tmp_path / "run/systemd/network/10-ethernet.network").read_text()
    assert "Port=4711" in (tmp_path / "run/systemd/dnssd/ferrule.dnssd").read_text()

    assert 'ferrule.toml:1:2: error: unknown key "gatewya"' in first
    assert "exit 2" in first
    assert "ferrule.toml was not taken over. The last one that was right is still in force." in second
    assert 'ferrule.toml:1:2: error: unknown key "gatewya"' in second
    assert config in second

    assert "abcde-fghjk" not in third

    assert fourth.split()[:3] == ["ferrule-info.txt", "ferrule.toml", "network.toml"]
    assert "exit 2" in fourth
    assert "asked for: the next start overwrites" in fourth
    assert "Read-only file system" in fourth
