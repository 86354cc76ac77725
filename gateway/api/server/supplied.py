"""Certificates an operator supplies: read, judged, and read again when the files change."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from gateway.api.server.sockets import BindError
from gateway.settings.model import ServerSettings


class CertificateError(BindError):
    """A file of ``[server] certificate``, ``key`` or ``client_ca`` cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Supplied:
    """The files of ``[server]``, empty where there are none."""

    certificate: str = ""
    key: str = ""
    client_ca: str = ""

    @classmethod
    def of(cls, settings: ServerSettings) -> Supplied:
        """Take them from the configuration."""
        return cls(settings.certificate, settings.key, settings.client_ca)

    def state(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What differs after one of the files has been replaced or written anew."""
        return tuple(_stamp(path) for path in (self.certificate, self.key, self.client_ca) if path)

    def load(self, context: ssl.SSLContext) -> None:
        """Have a context show the certificate and ask callers for theirs.

        Raises:
            CertificateError: a file cannot be used; the context is spoilt then.
        """
        if self.certificate:
            for key, path in (("certificate", self.certificate), ("key", self.key)):
                _check_readable(key, path)
            try:
                # A key with a password would be asked for on the terminal.
                context.load_cert_chain(self.certificate, self.key, password="")
            except ssl.SSLError as error:
                raise CertificateError(
                    f"[server] certificate {self.certificate}: {_why(error, Path(self.key))}"
                ) from None
        if self.client_ca:
            _check_readable("client_ca", self.client_ca)
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError:
                reason = "holds no certificate. Name a file with certificates in PEM"
                raise CertificateError(f"[server] client_ca {self.client_ca}: {reason}") from None
            context.verify_mode = ssl.CERT_REQUIRED

    def names(self) -> list[str]:
        """Names and addresses the certificate is good for.

        Raises:
            CertificateError: it cannot be read.
        """
        if not self.certificate:
            return []
        from cryptography import x509  # noqa: PLC0415 - needed with a certificate of one's own only

        try:
            leaf = x509.load_pem_x509_certificate(Path(self.certificate).read_bytes())
            found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        except (OSError, ValueError) as error:
            raise CertificateError(f"[server] certificate {self.certificate}: {error}") from None
        addresses = found.get_values_for_type(x509.IPAddress)
        return [*found.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)]


def _check_readable(key: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise CertificateError(f"[server] {key} {path}: {error.strerror}. Name a file this user can read") from None


def _why(error: ssl.SSLError, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate. Name the two that belong together"
    if b"ENCRYPTED" in key.read_bytes():
        return "the key has a password. Remove it: openssl pkey -in KEY -out NEW_KEY"
    return "certificate or key is no PEM, or damaged. Name the certificate first, then what stands above it"


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
