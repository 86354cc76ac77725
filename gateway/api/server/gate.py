"""Under which name the gateway may be called, and from which web pages (D-070).

A web page anywhere can make a browser on the LAN send requests here. A name of its own that it lets point to this
gateway (DNS rebinding) is refused by the Host header; a page that asks openly is refused by its Origin.
"""

from __future__ import annotations
