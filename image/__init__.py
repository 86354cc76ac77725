"""The SD image: made of a Debian base, the locked wheels and what lies beside this file (``make image``)."""
