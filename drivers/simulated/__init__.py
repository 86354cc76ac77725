"""Simulated devices and timed wires, for the demo, tests, virtual-time simulation and benchmarks.

The Modbus in here shares nothing with `drivers.modbus`: it is a second opinion on the specification.
"""
