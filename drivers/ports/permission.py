"""Why the operating system keeps this user from a device, told from the device's owner, group and mode."""

import grp
import os
import pwd
import stat
from collections.abc import Collection
from pathlib import Path


def why_forbidden(device: str) -> str:
    """Say why a device may not be opened, and the cure; the text goes after the name of the device."""
    try:
        status = Path(device).stat()
    except OSError:
        return "may not be opened by this user: check its owner and mode, and those of the directories above it"
    return explained(status, os.geteuid(), {os.getegid(), *os.getgroups()})


def explained(status: os.stat_result, user: int, groups: Collection[int]) -> str:
    """Say the same of what ``stat`` found, to a user with these groups."""
    mode = stat.S_IMODE(status.st_mode)
    group = _group_name(status.st_gid)
    facts = f"may not be opened by this user: it belongs to {_user_name(status.st_uid)}:{group} and has mode {mode:04o}"
    own = status.st_uid == user and mode & 0o600 == 0o600
    through_group = status.st_gid in groups and mode & 0o060 == 0o060
    if user == 0 or own or through_group or mode & 0o006 == 0o006:
        return f"{facts}, which would do: a container or the service's DevicePolicy keeps it away"
    if status.st_gid != 0 and mode & 0o060 == 0o060:
        return f"{facts}: add the user to the group {group} and log in anew, or restart the service"
    return (
        f"{facts}, so no group helps: end the login console on it (serial-getty), if there is one; if not, "
        'let a udev rule give it GROUP="dialout", MODE="0660"'
    )


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
