"""What must hold between the keys of one tag, and its `TagSettings` where it does."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gateway.settings import profile_schema, schema
from gateway.settings.fields import Distinct, Fields, Findings, Schema, read_fields
from gateway.settings.kinds import UnfitError, shown
from gateway.settings.line_model import RawTagSettings, TagSettings
from gateway.settings.patterns import compiled
from gateway.settings.quantities import say_duration
from gateway.settings.tag_types import BCD_TYPES, FACTS, TypeFacts, is_sentinel, raw_sentinel, raw_value, unwritable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.settings.document import Node

_BIT_TABLES = ("coil", "discrete")
_FIELD_TYPES = ("bool", "uint16", "uint32", "uint64")
_BYTE_TYPES = ("uint8", "int8")
_SAFE_LEANS_ON = (
    "scale",
    "offset",
    "minimum",
    "maximum",
    "length",
    "bit",
    "width",
    "encoding",
    "sentinels",
)
_MEASURE_KEYS = ("scale", "offset", "deadband", "baseline", "minimum", "maximum")


def read_tag(node: Node, findings: Findings, device: Mapping[str, Any], names: Distinct) -> TagSettings | None:
    """Read one tag of a device.

    Args:
        node: the tag's table, laid over that of its profile where there is one.
        findings: where problems are noted.
        device: what the device says for tags that do not: word_order, byte_order, poll, max_registers.
        names: of the device's tags so far.

    Returns:
        The tag, None where something about it is wrong.
    """
    defaults = {key: device[key] for key in ("word_order", "byte_order", "poll")}
    fields = read_fields(node, _schema(node), findings, defaults)
    names.check(fields, "name")
    _settle_type(fields)
    if fields.sound("table", "type"):
        _check_extent(fields, device["max_registers"])
        _check_bit_field(fields)
        _check_coding(fields)
        _check_numbers(fields)
        _check_sentinels(fields)
        _check_writing(fields)
    else:
        _check_scale(fields)
    _check_range(fields)
    _check_age(fields)
    if fields.faulty:
        return None
    return TagSettings(**fields.arguments(), place=node.place)


def read_change(node: Node, findings: Findings, names: Distinct) -> None:
    """Note what is wrong with a tag that changes one of a profile, where that one is not known."""
    fields = read_fields(node, replace(_schema(node), required=frozenset({"name"})), findings)
    names.check(fields, "name")
    _check_scale(fields)
    _check_range(fields)


def read_raw_tag(node: Node, findings: Findings, names: Distinct) -> RawTagSettings | None:
    """Read one tag of a raw serial line; None where something about it is wrong."""
    fields = read_fields(node, schema.RAW_TAG, findings)
    names.check(fields, "name")
    if fields.given("pattern") == fields.given("columns"):
        fields.faulty.add("pattern")
        reason = "both pattern and columns" if fields.given("pattern") else "neither pattern nor columns"
        findings.error(node.place, f"[[line.tag]] has {reason}. Say in one of them where the value stands")
    if fields.given("pattern") and fields.sound("pattern"):
        try:
            compiled(fields["pattern"])
        except UnfitError as unfit:
            fields.refuse("pattern", str(unfit))
    if fields.given("columns") and fields.sound("columns") and fields["columns"][0] > fields["columns"][1]:
        fields.refuse("columns", "the first comes after the last. Write [first, last]")
    if fields.sound("type") and fields["type"] in ("bool", "string"):
        _refuse_given(fields, _MEASURE_KEYS, f"means nothing for type {shown(fields['type'])}. Remove it")
    _check_scale(fields)
    _check_range(fields)
    if fields.faulty:
        return None
    return RawTagSettings(**fields.arguments(), place=node.place)


def _schema(node: Node) -> Schema:
    """Return the schema that calls the tag's table by the header it has in its file."""
    path = node.layers[0].path
    if not path:
        return profile_schema.MAP_ROW
    return profile_schema.PROFILE_TAG if path[0] == "tag" else schema.TAG


def _settle_type(fields: Fields) -> None:
    """Fill in a type that follows from the table or a single bit; a register's must be said."""
    if fields.given("type") or not fields.sound("table"):
        return
    if fields["table"] in _BIT_TABLES or (fields.given("bit") and not fields.given("width")):
        fields.values["type"] = "bool"
        return
    fields.faulty.add("type")
    fields.findings.error(
        fields.node.place,
        f'{fields.schema.title} has no "type". Add type ({schema.TAG.keys["type"].words})',
    )


def _check_extent(fields: Fields, max_registers: int) -> None:
    of_bits = fields["table"] in _BIT_TABLES
    type_name = fields["type"]
    if of_bits and type_name != "bool":
        cure = 'Write type = "bool", or table = "holding" or "input"'
        fields.refuse("type", f'a {fields["table"]} is one bit, so its type is "bool", not "{type_name}". {cure}')
        return
    registers = FACTS[type_name].registers
    if type_name == "string":
        if not fields.given("length"):
            fields.faulty.add("length")
            words = "type: a string needs its length in registers (two characters each). Add length"
            fields.findings.error(fields.place("type"), words)
            return
        registers = fields["length"]
    elif fields.given("length") and fields.sound("length") and fields["length"] != registers:
        fields.refuse("length", f'"{type_name}" takes {registers} of them. Remove length, it follows from the type')
        return
    if not fields.sound("length", "address"):
        return
    fields.values["length"] = registers
    if fields["address"] + registers > 65536:
        last = fields["address"] + registers - 1
        fields.refuse("address", f"its last register would be {last}. The last one is 65535")
    if not of_bits and registers > max_registers:
        words = f"it takes {registers} registers, but max_registers of the device is {max_registers}"
        fields.refuse("length" if fields.given("length") else "type", f"{words}. Raise that, or shorten this")


def _check_bit_field(fields: Fields) -> None:
    if not fields.given("bit"):
        if fields["type"] == "bool" and fields["table"] not in _BIT_TABLES:
            fields.refuse("type", '"bool" in a register needs its bit. Add bit = 0 to 15 (0 is the lowest)')
        if fields.given("width"):
            fields.refuse("width", "a width without a bit. Add bit, the lowest bit of the field")
        return
    if not fields.sound("bit", "width"):
        return
    if fields["table"] in _BIT_TABLES:
        fields.refuse("bit", f"a {fields['table']} is a single bit. Remove it")
        return
    if fields["type"] not in _FIELD_TYPES:
        known = ", ".join(shown(name) for name in _FIELD_TYPES)
        fields.refuse("bit", f"the type of a bit field must be one of {known}, not {shown(fields['type'])}")
        return
    bits = FACTS[fields["type"]].registers * 16
    if fields["type"] == "bool" and fields["width"] != 1:
        fields.refuse("width", f'"bool" is one bit, not {fields["width"]}. Write type = "uint16" for a number')
    elif fields["bit"] + fields["width"] > bits:
        last = fields["bit"] + fields["width"] - 1
        key = "width" if fields.given("width") else "bit"
        words = f'its last bit would be {last}, but "{fields["type"]}" has bits 0 to {bits - 1}'
        fields.refuse(key, f"{words}. Correct bit or width")


def _check_numbers(fields: Fields) -> None:
    if not FACTS[fields["type"]].is_measure:
        _refuse_given(fields, _MEASURE_KEYS, f"means nothing for type {shown(fields['type'])}. Remove it")
    _check_scale(fields)


def _check_scale(fields: Fields) -> None:
    if fields.sound("scale") and fields["scale"] == 0:
        fields.refuse("scale", "must not be 0, or every value would be the same. Leave it out for 1")
    for key in ("scale", "offset"):
        if fields.sound(key) and fields[key] and not 1e-30 <= abs(fields[key]) <= 1e30:
            fields.refuse(key, f"{fields[key]:g} is out of all proportion. Keep it between 1e-30 and 1e30")


def _check_coding(fields: Fields) -> None:
    if fields["type"] not in _BYTE_TYPES:
        _refuse_given(fields, ("byte",), 'means nothing but for types "uint8" and "int8". Remove it')
    if fields["type"] != "string":
        _refuse_given(fields, ("encoding",), 'means nothing but for type "string". Remove it')


def _check_sentinels(fields: Fields) -> None:
    if not fields.given("sentinels") or not fields.sound("sentinels"):
        return
    if fields["type"] in ("bool", "string"):
        fields.refuse("sentinels", f"means nothing for type {shown(fields['type'])}. Remove it")
        return
    raws = []
    for index, value in enumerate(fields["sentinels"]):
        raw = raw_sentinel(_sentinel_facts(fields), value)
        if raw is None:
            fields.faulty.add("sentinels")
            words = f'sentinels: "{fields["type"]}" is never {value}. They are raw values, before scale and offset'
            fields.findings.error(fields.node.place_of_value("sentinels", index), words)
        else:
            raws.append(raw)
    fields.values["sentinels"] = tuple(raws)


def _check_writing(fields: Fields) -> None:
    if not fields.sound("writable"):
        return
    if not fields["writable"]:
        cure = "Add writable = true, or remove it"
        _refuse_given(fields, ("safe",), f"a tag that is not writable is never written. {cure}")
        if fields.sound("readback") and fields["readback"]:
            fields.refuse("readback", f"a tag that is not writable is never written. {cure}")
        return
    if fields["table"] not in ("coil", "holding"):
        cure = "Only coils and holding registers can be written; remove it or correct the table"
        fields.refuse("writable", f'table "{fields["table"]}" is read only. {cure}')
    elif fields.given("bit") and fields.sound("bit", "width") and _bits_span_registers(fields):
        fields.refuse("writable", "the bits lie in two registers, which no device writes at once. Remove it")
    if fields.given("safe") and fields.sound("safe", *_SAFE_LEANS_ON):
        words = _why_not_safe(fields)
        if words:
            fields.refuse("safe", words)
        elif not isinstance(fields["safe"], bool | str):
            _settle_safe(fields)


def _bits_span_registers(fields: Fields) -> bool:
    """Tell whether function 22, which masks one register, cannot write the bit field."""
    first, last = fields["bit"], fields["bit"] + fields["width"] - 1
    return bool(first // 16 != last // 16)


def _why_not_safe(fields: Fields) -> str | None:
    safe, type_name = fields["safe"], fields["type"]
    if type_name == "bool":
        return None if isinstance(safe, bool) else f'must be true or false for type "bool", not {shown(safe)}'
    if type_name == "string":
        return _why_not_safe_text(safe, fields["length"] * 2, fields["encoding"])
    if isinstance(safe, bool | str):
        return f'must be a number for type "{type_name}", not {shown(safe)}'
    if fields["minimum"] is not None and safe < fields["minimum"]:
        return f"{safe:g} is below minimum. Choose a plausible value"
    if fields["maximum"] is not None and safe > fields["maximum"]:
        return f"{safe:g} is above maximum. Choose a plausible value"
    facts, scale = _bits_facts(fields), _step(fields)
    words = unwritable(facts, safe, scale, fields["offset"])
    if words is not None:
        return words
    raw = raw_value(facts, safe, scale, fields["offset"])
    if is_sentinel(type_name, raw, fields["sentinels"]):
        return f'{safe:g} is how the device says "no value". Choose another'
    return _why_not_rounded(fields, _in_steps(fields, raw)) if facts.is_whole else None


def _settle_safe(fields: Fields) -> None:
    """Have a safe value be what is written for it, which is what the log and callers are told."""
    facts, step, safe = _bits_facts(fields), _step(fields), fields["safe"]
    if not facts.is_whole:
        return
    exact = _in_steps(fields, raw_value(facts, safe, step, fields["offset"]))
    written = int(exact) if exact.denominator == 1 else float(exact)
    if written != safe:
        words = f"{safe} is not one of the steps of {abs(step):g} that this tag can hold: {written} is written"
        fields.warn("safe", f"{words}. Write safe = {written}, or correct type or scale")
        fields.values["safe"] = written


def _step(fields: Fields) -> float:
    """Return what one more in the registers makes of the value: of milliseconds, seconds are made."""
    step: float = 0.001 if fields["type"] == "epoch64ms" else fields["scale"]
    return step


def _in_steps(fields: Fields, raw: Fraction) -> Fraction:
    return raw * Fraction(str(_step(fields))) + Fraction(str(fields["offset"]))


def _why_not_rounded(fields: Fields, written: Fraction) -> str | None:
    """Say whether what the steps of the tag make of its safe value is out of its range."""
    words = f"the steps of {abs(fields['scale']):g} make {float(written):g} of it"
    if fields["minimum"] is not None and written < Fraction(str(fields["minimum"])):
        return f"{words}, which is below minimum. Choose another"
    if fields["maximum"] is not None and written > Fraction(str(fields["maximum"])):
        return f"{words}, which is above maximum. Choose another"
    return None


def _why_not_safe_text(safe: object, room: int, encoding: str) -> str | None:
    if not isinstance(safe, str):
        return f'must be text for type "string", not {shown(safe)}'
    try:
        size = len(safe.encode(encoding))
    except UnicodeEncodeError:
        return f"{shown(safe)} cannot be written in {encoding}. Use its letters, or another encoding"
    return None if size <= room else f"is longer than the {room} bytes of this tag. Shorten it"


def _check_range(fields: Fields) -> None:
    if fields.sound("minimum", "maximum") and fields.given("minimum") and fields.given("maximum"):
        low, high = fields["minimum"], fields["maximum"]
        if low >= high:
            fields.refuse("minimum", f"{low:g} is not below maximum, {high:g}. Swap or correct them")


def _check_age(fields: Fields) -> None:
    if not fields.sound("poll", "stale_after") or not fields.given("stale_after") or fields["poll"] is None:
        return
    if fields["stale_after"] <= fields["poll"]:
        age, period = say_duration(fields["stale_after"]), say_duration(fields["poll"])
        fields.refuse("stale_after", f"{age} passes between two readings (poll = {period}). Make it longer")


def _bits_facts(fields: Fields) -> TypeFacts:
    """Return what the type can hold, or the bit field where there is one."""
    facts = FACTS[fields["type"]]
    if fields.given("bit") and fields.sound("bit", "width"):
        return TypeFacts(facts.registers, 0, 2 ** fields["width"] - 1)
    return facts


def _sentinel_facts(fields: Fields) -> TypeFacts:
    """Return what may be read, sentinels among it."""
    if fields["type"] in BCD_TYPES:
        # Four bits a digit: 0xFFFF is no number and so a likely sentinel.
        return FACTS["uint16" if fields["type"] == "bcd16" else "uint32"]
    return _bits_facts(fields)


def _refuse_given(fields: Fields, keys: tuple[str, ...], words: str) -> None:
    for key in keys:
        if fields.given(key):
            fields.refuse(key, words)
