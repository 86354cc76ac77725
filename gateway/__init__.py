"""Ferrule polls serial and Modbus devices and serves what they say, with quality and time, on the LAN."""
