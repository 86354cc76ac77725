"""The Modbus codec: requests, strict matching of replies, framing on RTU, TCP and ASCII, register values.

Everything in here is pure: bytes in, values out, no I/O and no clock. Rules cite the *Modbus Application
Protocol Specification V1.1b3* (MAP), the *Modbus over Serial Line Specification V1.02* (MSL) and the
*Modbus Messaging on TCP/IP Implementation Guide V1.0b* (MTI).
"""
