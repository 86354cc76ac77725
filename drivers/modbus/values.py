"""Registers to values and back: what the rest of the product imports of that."""

from drivers.modbus.decoding import PADDING, BlockCodec, Decoded
from drivers.modbus.encoding import encode, encode_bit, encode_mask, mask_register
from drivers.modbus.fields import Field, Order, Type, Unusable, Value, registers_of

__all__ = [
    "PADDING",
    "BlockCodec",
    "Decoded",
    "Field",
    "Order",
    "Type",
    "Unusable",
    "Value",
    "encode",
    "encode_bit",
    "encode_mask",
    "mask_register",
    "registers_of",
]
