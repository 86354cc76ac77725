"""How long a scan waits where nothing else is said, in seconds."""

# A master that polls once a second or two is heard within it.
LISTEN_S = 3.0
# Nearly all devices begin to answer within a tenth of a second; who is slower is given longer.
PATIENCE_S = 0.2
