"""Whatever the configuration accepts, the codec can decode and, where it is writable, encode."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from drivers.modbus.values import Field, encode, encode_bit, encode_mask
from gateway.settings.document import Document
from gateway.settings.load import interpret
from gateway.settings.model import TagSettings, TagType
from gateway.settings.problems import SettingsError

numbers = st.sampled_from(
    ["0", "1", "-1", "0.1", "100", "0x8000", "0xFFFF", "65504", "1e5", "2147483648", "1e30", "1e39", "0x9999", "9999"]
)
# Where a step of a scale ends and the next begins, and where a type ends.
close = st.tuples(
    st.sampled_from([0, 255, 9999, 32767, 65535, 2**31 - 1, 2**32 - 1]),
    st.sampled_from([0, -1, 0.5, -0.5, 0.4999]),
    st.sampled_from([0.1, 0.01, 0.5, 1, 3, 10, -1]),
).map(lambda parts: repr(round((parts[0] + parts[1]) * parts[2], 4)))
scales = st.sampled_from(["0.1", "0.01", "0.5", "1", "3", "10", "-1", "1e30"])
keys: dict[str, st.SearchStrategy[str]] = {
    "length": st.sampled_from(["1", "2", "4"]),
    "bit": st.integers(0, 40).map(str),
    "width": st.integers(1, 33).map(str),
    "byte": st.sampled_from(['"low"', '"high"']),
    "encoding": st.sampled_from(['"ascii"', '"utf-8"']),
    "word_order": st.sampled_from(['"big"', '"little"']),
    "scale": scales,
    "offset": numbers,
    "minimum": numbers | close,
    "maximum": numbers | close,
    "sentinels": numbers.map(lambda number: f"[{number}]"),
    "safe": numbers | close | st.sampled_from(["true", "false", '"on"', '"ü"', '"longer"']),
}
MEASURES = ("scale", "offset", "minimum", "maximum", "sentinels", "word_order", "safe")
APPLICABLE: dict[str, tuple[str, ...]] = {
    "bool": ("bit", "safe"),
    "uint8": ("byte", *MEASURES),
    "int8": ("byte", *MEASURES),
    "uint16": ("bit", "width", *MEASURES),
    "uint32": ("bit", "width", *MEASURES),
    "uint64": ("bit", "width", *MEASURES),
    "epoch32": ("sentinels", "safe"),
    "epoch64": ("sentinels", "safe"),
    "epoch64ms": ("sentinels", "safe"),
    "string": ("encoding", "length", "safe"),
}
# A key that means nothing for the type is refused, which would leave little to try; one in so many is enough.
some_keys = st.sampled_from(get_args(TagType)).flatmap(
    lambda type_name: st.tuples(
        st.just(type_name),
        st.lists(st.sampled_from([*APPLICABLE.get(type_name, MEASURES) * 5, *keys]), max_size=4, unique=True).flatmap(
            lambda chosen: st.fixed_dictionaries({key: keys[key] for key in chosen})
        ),
    )
)


def field_of(tag: TagSettings) -> Field:
    optional: dict[str, Any] = {"length": tag.length} if tag.type == "string" else {}
    return Field(
        offset=0,
        type=tag.type,
        word_order=tag.word_order,
        byte_order=tag.byte_order,
        byte=tag.byte,
        bit=tag.bit,
        width=tag.width,
        encoding=tag.encoding,
        scale=tag.scale,
        offset_value=tag.offset,
        sentinels=tag.sentinels,
        minimum=tag.minimum,
        maximum=tag.maximum,
        **optional,
    )


@pytest.mark.parametrize("letters", ["ABCD", "CDAB", "BADC", "DCBA"])
def test_the_letters_of_manuals_are_the_orders_they_are_told_to_be(letters: str) -> None:
    text = f'[[line]]\n[[line.device]]\n[[line.device.tag]]\nword_order = "{letters}"\n'
    with pytest.raises(SettingsError) as refusal:
        interpret(Document("test.toml", text))
    orders: dict[str, Any] = dict(re.findall(r'(\w+_order) = "(\w+)"', str(refusal.value)))
    registers = encode(Field(offset=0, type="uint32", **orders), int.from_bytes(b"ABCD"))
    assert b"".join(register.to_bytes(2) for register in registers).decode() == letters


@settings(max_examples=400, deadline=None)
@given(some_keys, st.booleans())
def test_what_is_accepted_can_be_coded(chosen: tuple[str, dict[str, str]], is_coil: bool) -> None:  # noqa: FBT001
    type_name, others = chosen
    if type_name == "string":
        others = {"length": "2", **others}
    if type_name == "bool" and not is_coil:
        others = {"bit": "3", **others}
    table = "coil" if is_coil and type_name == "bool" else "holding"
    text = '[[line]]\nname = "l"\ntransport = "tcp"\nhost = "h"\n[[line.device]]\nname = "d"\nunit = 1\n'
    text += f'[[line.device.tag]]\nname = "t"\ntable = "{table}"\naddress = 0\ntype = "{type_name}"\nwritable = true\n'
    text += "".join(f"{key} = {value}\n" for key, value in others.items())
    try:
        tag = interpret(Document("test.toml", text)).lines[0].devices[0].tags[0]
    except SettingsError:
        event("refused")
        return
    event("accepted")
    field = field_of(tag)
    assert field.registers == tag.length
    if tag.safe is None:
        return
    if tag.table == "coil":
        encode_bit(tag.safe)
    elif tag.bit is not None or tag.type in ("uint8", "int8"):
        encode_mask(field, tag.safe)
    else:
        encode(field, tag.safe)
