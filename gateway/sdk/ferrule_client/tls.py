"""Whom this kit trusts: the authority it was given, and nobody else. There is no way to trust everybody."""

from __future__ import annotations

import ssl
from pathlib import Path

from .errors import ConfigurationError

_PEM = "-----BEGIN CERTIFICATE-----"


def trust(ca: str | Path | bytes, client_cert: str | Path | None = None) -> ssl.SSLContext:
    """A TLS 1.3 context.

    Args:
        ca: the gateway's `ca.pem`, or a bundle of authorities: the path of the file, or its content.
        client_cert: a PEM file with certificate and key, for a gateway with `[server] client_ca`.

    Raises:
        ConfigurationError: a file cannot be read, or holds none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    content = ca.decode(errors="replace") if isinstance(ca, bytes) else str(ca)
    try:
        if _PEM in content:
            context.load_verify_locations(cadata=content)
        else:
            context.load_verify_locations(cafile=content)
    except ssl.SSLError:
        raise ConfigurationError(
            "ca: no certificate in PEM: copy ca.pem anew from the gateway's state directory"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise ConfigurationError(f"ca: {content[:200]}: {reason}. It is the gateway's ca.pem") from None
    if client_cert is not None:
        try:
            # Without a password nobody is asked for one: an encrypted key is refused.
            context.load_cert_chain(client_cert, password=b"")
        except (ssl.SSLError, OSError) as error:
            raise ConfigurationError(f"client_cert: {client_cert}: {error}") from None
    return context
