"""Damage is damage that shows: what passes a check sum by chance, no receiver could tell from the truth."""

from __future__ import annotations

from random import Random

from pymodbus.framer import FramerRTU

from drivers.simulated.faults import garble
from drivers.simulated.framing import AsciiFraming, Request, RtuFraming, TcpFraming

REQUEST = Request(1, b"")
PDU = bytes.fromhex("0304aabbccdd")
# With this one the first three characters that are changed leave a frame whose CRC is right.
UNLUCKY = 20624


def test_no_damaged_frame_has_the_right_crc() -> None:
    whole = RtuFraming().encode(REQUEST, 1, PDU)
    assert FramerRTU.compute_CRC(whole[:-2]) == int.from_bytes(whole[-2:])
    damaged = garble(whole, RtuFraming(), Random(UNLUCKY), 3)
    assert FramerRTU.compute_CRC(damaged[:-2]) != int.from_bytes(damaged[-2:])


def test_no_damaged_frame_has_the_right_lrc() -> None:
    whole = AsciiFraming().encode(REQUEST, 1, PDU)
    for seed in range(2000):
        damaged = garble(whole, AsciiFraming(), Random(seed), 2)
        assert AsciiFraming().decode(damaged) is None
        assert len(damaged) == len(whole)


def test_a_frame_without_a_check_sum_is_changed_all_the_same() -> None:
    whole = TcpFraming().encode(REQUEST, 1, PDU)
    damaged = garble(whole, TcpFraming(), Random(1), 1)
    assert sum(a != b for a, b in zip(whole, damaged, strict=True)) == 1
