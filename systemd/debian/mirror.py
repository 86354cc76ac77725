"""Where Debian comes from: the mirror this machine's apt is set up with, or the one that ``$FERRULE_MIRROR`` names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from systemd.debian.stop import BuildError

VARIABLE = "FERRULE_MIRROR"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
COMPONENTS = "main non-free-firmware"
_FORMAT = "$(REPO_URI)|$(ORIGIN)|$(LABEL)"
_HOW = f"set {VARIABLE} to the address of a Debian mirror, one that ends in /debian"


@dataclass(frozen=True, slots=True)
class Mirror:
    """Addresses of one archive.

    Attributes:
        packages: of the releases.
        security: of their security updates; None where the mirror has none.
    """

    packages: str
    security: str | None

    def sources(self, suite: str, keyring: Path = KEYRING) -> str:
        """The lines of a sources.list.

        Args:
            suite: code name of the release.
            keyring: that signs it; its releases are accepted from no one else.
        """
        options = f"[signed-by={keyring}]"
        lines = [f"deb {options} {self.packages} {suite} {COMPONENTS}"]
        lines.append(f"deb {options} {self.packages} {suite}-updates {COMPONENTS}")
        if self.security is not None:
            lines.append(f"deb {options} {self.security} {suite}-security {COMPONENTS}")
        return "\n".join(lines) + "\n"


def mirror(environment: Mapping[str, str] = os.environ) -> Mirror:
    """The mirror to build from.

    Raises:
        BuildError: none is known.
    """
    said = environment.get(VARIABLE, "").strip().rstrip("/")
    if said:
        if not said.startswith(("http://", "https://", "file:/")):
            raise BuildError(f'{VARIABLE} is "{said}", which is no address; {_HOW}')
        # Mirrors keep security updates beside the releases, under this name.
        security = f"{said}-security" if said.endswith("/debian") else None
        return Mirror(said, security)
    try:
        done = subprocess.run(
            ["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"],  # noqa: S607 - apt of this machine
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"apt does not say where it gets packages from ({error}); {_HOW}") from None
    return from_targets(done.stdout.splitlines())


def from_targets(lines: Sequence[str]) -> Mirror:
    """The mirror in what ``apt-get indextargets`` tells.

    Args:
        lines: address, origin and label of each index, with ``|`` between them.

    Raises:
        BuildError: none of them is Debian's.
    """
    found: dict[str, str] = {}
    for line in lines:
        address, _, rest = line.partition("|")
        origin, _, label = rest.partition("|")
        if origin == "Debian":
            found.setdefault(label, address.rstrip("/"))
    if "Debian" not in found:
        raise BuildError(
            f"apt on this machine gets nothing from Debian, or was never updated: apt-get update, or {_HOW}"
        )
    return Mirror(found["Debian"], found.get("Debian-Security"))
