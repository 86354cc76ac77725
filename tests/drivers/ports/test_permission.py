import grp
import os
import stat

import pytest

from drivers.ports.permission import explained, why_forbidden

NOBODY = 65534
# Called dialout on most systems, but not on all.
SERIAL = next(group for group in grp.getgrall() if group.gr_gid)
DIALOUT = SERIAL.gr_gid


def device(mode: int, owner: int = 0, group: int = 0) -> os.stat_result:
    return os.stat_result((stat.S_IFCHR | mode, 1, 1, 1, owner, group, 0, 0, 0, 0))


def test_a_group_that_may_is_named() -> None:
    words = explained(device(0o660, group=DIALOUT), NOBODY, {NOBODY})
    assert words.startswith(
        f"may not be opened by this user: it belongs to root:{SERIAL.gr_name} and has mode 0660: add the user to the "
        f"group {SERIAL.gr_name}"
    )


@pytest.mark.parametrize("status", [device(0o660), device(0o600, group=DIALOUT), device(0o620, group=DIALOUT)])
def test_no_group_is_advised_where_none_helps(status: os.stat_result) -> None:
    words = explained(status, NOBODY, {NOBODY, DIALOUT})
    assert f"mode {stat.S_IMODE(status.st_mode):04o}, so no group helps" in words
    assert "add the user" not in words
    assert "udev rule" in words


@pytest.mark.parametrize(
    ("status", "user"),
    [
        (device(0o660, group=DIALOUT), NOBODY),
        (device(0o600, owner=NOBODY), NOBODY),
        (device(0o666), NOBODY),
        (device(0o600), 0),
    ],
)
def test_something_else_forbids_what_the_mode_allows(status: os.stat_result, user: int) -> None:
    assert "which would do: a container or the service's DevicePolicy" in explained(status, user, {DIALOUT})


def test_numbers_without_a_name_are_shown() -> None:
    assert "belongs to 54321:54322 and" in explained(device(0o600, 54321, 54322), NOBODY, ())


def test_a_device_that_cannot_be_looked_at() -> None:
    assert "the directories above it" in why_forbidden("/dev/nothing/there")
    assert "belongs to root:root and has mode" in why_forbidden("/dev/null")
