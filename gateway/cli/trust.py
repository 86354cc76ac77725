"""Which certificates a command trusts, and which it shows."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway.cli.main import DENIED, WRONG, CommandError


def show_certificate(context: ssl.SSLContext, certificate: Path) -> None:
    """Show a certificate to a gateway that asks for one.

    Raises:
        CommandError: the file holds no such thing.
    """
    try:
        # Without a password nobody is asked for one: an encrypted key is refused.
        context.load_cert_chain(certificate, password=b"")
    except (ssl.SSLError, OSError) as error:
        # OpenSSL's own words say where in it something failed.
        reason = "" if isinstance(error, ssl.SSLError) else f" ({error.strerror})"
        raise CommandError(
            f"{certificate} cannot be used as a certificate{reason}: it is to be a PEM file with certificate and key, "
            "the key without a password",
            WRONG,
        ) from None


def trust_in(authority: Path) -> ssl.SSLContext:
    """Trust in what one authority vouches for, over TLS 1.3.

    Raises:
        CommandError: the file is not there, may not be read, or is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(authority)
    except FileNotFoundError:
        raise CommandError(
            f"{authority} is not there: it is the authority of the gateway's certificate. Copy ca.pem from its state "
            "directory and name it: --ca FILE",
            WRONG,
        ) from None
    except PermissionError:
        raise CommandError(f"{authority} cannot be read by this user", DENIED) from None
    except ssl.SSLError:
        raise CommandError(
            f"{authority} is no certificate: copy ca.pem anew from the gateway's state directory", WRONG
        ) from None
    except OSError as error:
        raise CommandError(
            f"{authority} cannot be read: {error.strerror}. It is to be a file like ca.pem", WRONG
        ) from None
    return context


def trust_only(certificate: Path) -> ssl.SSLContext | None:
    """Trust in whoever shows this one certificate, whatever names are in it; None where there is none to be read.

    Args:
        certificate: a PEM file; what follows the first one in it vouches for nobody.
    """
    try:
        text = certificate.read_text(encoding="ascii", errors="replace")
        start = text.index(ssl.PEM_HEADER)
        der = ssl.PEM_cert_to_DER_cert(text[start : text.index(ssl.PEM_FOOTER, start) + len(ssl.PEM_FOOTER)])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        # It is the end of the chain itself: no authority has to be at hand.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=der)
    except (OSError, ValueError):
        return None
    return context
