"""What every test of the image begins with: a flashed card, and a device to read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from image.build import HERE, SUITE, Builder
from image.signing import Signing, signing, signing_directory
from image.tools import Tools
from systemd.debian.cache import Cache, cache_directory
from systemd.debian.mirror import mirror
from systemd.debian.roots import Roots, native, packages
from systemd.debian.stop import BuildError

from .board import Card
from .flashed import say
from .site import DEVICES, free_port, simulating

_READY = "FERRULE_IMAGE"


@pytest.fixture(scope="session")
def vouching(tmp_path_factory: pytest.TempPathFactory) -> Signing:
    """What the flashed card holds updates against: of an image that was there, what ``$FERRULE_SIGNING`` names."""
    made, _ = signing(signing_directory() if _READY in os.environ else tmp_path_factory.mktemp("keys") / "signing")
    return made


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory, vouching: Signing) -> Card:
    """A flashed card: of the image that ``$FERRULE_IMAGE`` names, else of one that is built now."""
    place = tmp_path_factory.mktemp("cards")
    path = place / "fresh.img"
    cache = Cache(cache_directory())

    try:
        if (ready := os.environ.get(_READY)) is not None:
            subprocess.run(["cp", "--sparse=always", ready, path], check=True)
        else:
            Builder(mirror(), cache, vouching, say).build(path)
        root = Roots(cache).get(SUITE, "apt", native(), packages(HERE / "tools.packages"), directory=True)
    except BuildError as error:
        # It says what is missing and how to get it. It is no reason to skip: what was asked for was not proved.
        pytest.fail(str(error), pytrace=False)
    return Card(path, Tools(root, place, 0))


@pytest.fixture(scope="session")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A simulated device on this machine, and its port."""
    port = free_port()
    with simulating(tmp_path_factory.mktemp("device"), DEVICES.format(port=port)):
        yield port
