"""The word somebody probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# What other programs and manuals call the same thing.
_ELSEWHERE = {
    "slave": "unit",
    "slave_id": "unit",
    "id": "unit",
    "unit_id": "unit",
    "register": "address",
    "function": "table",
    "register_type": "table",
    "datatype": "type",
    "data_type": "type",
    "interval": "poll",
    "period": "poll",
    "scan_interval": "poll",
    "factor": "scale",
    "multiplier": "scale",
    "gain": "scale",
    "swap": "word_order",
    "swapped": "little",
    "little_endian": "little",
    "big_endian": "big",
    "modbus_tcp": "tcp",
    "modbus_rtu": "rtu",
    "modbus_ascii": "ascii",
    "unit_of_measurement": "units",
    "speed": "baudrate",
    "baud": "baudrate",
    "tty": "port",
    "dev": "port",
    "device_path": "port",
    "urgent": "high",
    "path": "port",
    "address": "host",
    "count": "length",
    "threshold": "high",
    "upper": "high",
    "lower": "low",
    "on_delay": "delay",
    "level": "severity",
    "text": "message",
    "offline": "device_down",
    "value": "equals",
    "min": "minimum",
    "max": "maximum",
    "int": "int16",
    "uint": "uint16",
    "word": "uint16",
    "dword": "uint32",
    "float": "float32",
    "double": "float64",
    "real": "float32",
    "boolean": "bool",
    "holding_register": "holding",
    "input_register": "input",
    "coils": "coil",
    "discrete_input": "discrete",
    "n": "none",
    "e": "even",
    "o": "odd",
}


def meant(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that ``word`` was probably meant to be, None where none is near."""
    choices = list(known)
    elsewhere = _ELSEWHERE.get(word.lower().replace("-", "_"))
    if elsewhere in choices:
        return elsewhere
    # Case is what people get wrong first.
    by_lower = {choice.lower(): choice for choice in choices}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``Did you mean "..."?``, or nothing where no known word is near."""
    found = meant(word, known)
    return f'Did you mean "{found}"?' if found else ""
