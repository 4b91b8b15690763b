"""The rehearsal's certificate authority and every certificate under it: `<state>/pki`.

Keys are ECDSA P-256 and readable by root only. A certificate is written again when it is about to expire,
when the names asked for changed, or when the authority did; otherwise asking for it costs one file read.
"""

import contextlib
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rehearsal.paths import Paths

AUTHORITY = "berth rehearsal CA"
AUTHORITY_LIFE = timedelta(days=3650)
LIFE = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
CLOCK_SKEW = timedelta(hours=1)


def directory(paths: Paths) -> Path:
    """Where certificates `<name>.crt` and keys `<name>.key` are."""
    return paths.state / "pki"


def ensure_ca(paths: Paths) -> Path:
    """The authority's certificate (PEM), made unless there is one that outlives what it may sign next."""
    certificate, key_file = _files(paths, "ca")
    found = _load(certificate, key_file)
    if found and found[0].not_valid_after_utc > datetime.now(UTC) + LIFE + RENEW_BEFORE:
        return certificate
    key = ec.generate_private_key(ec.SECP256R1())
    # A serial in the name: a client that kept the previous authority is not confused by its successor.
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, AUTHORITY),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{x509.random_serial_number():x}"[:16]),
        ]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    signed = (
        _builder(name, name, key.public_key(), AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_pair(certificate, key_file, signed, key)
    return certificate


def ensure_bundle(paths: Paths) -> Path:
    """The machine's own authorities and the rehearsal's, in one file (PEM)."""
    own = ensure_ca(paths).read_text()
    found = ssl.get_default_verify_paths().cafile or str(SYSTEM_BUNDLE)
    system = Path(found).read_text() if Path(found).is_file() else ""
    bundle = directory(paths) / "bundle.crt"
    text = f"{system.rstrip()}\n{own}"
    if not bundle.exists() or bundle.read_text() != text:
        partial = bundle.with_suffix(".partial")
        partial.write_text(text)
        partial.replace(bundle)
    return bundle


def issue(
    paths: Paths,
    name: str,
    *,
    dns: Sequence[str] = (),
    ips: Sequence[str | IPv4Address | IPv6Address] = (),
    client: bool = False,
    common_name: str | None = None,
    org: Sequence[str] = (),
) -> tuple[Path, Path]:
    """A certificate and key (PEM files) called `name`, signed by the authority.

    dns, ips: subject alternative names; with any of them it may be a server's certificate.
    client: it may be a client's certificate.
    common_name, org: the subject, which Kubernetes reads as user and groups; common_name defaults to `name`.
    """
    ensure_ca(paths)
    certificate, key_file = _files(paths, name)
    authority = _load(*_files(paths, "ca"))
    if authority is None:
        raise RuntimeError("the authority disappeared while it was in use")
    issuer, issuer_key = authority
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in org]
        + [x509.NameAttribute(NameOID.COMMON_NAME, common_name or name)]
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(entry) for entry in dns]
    alternatives += [x509.IPAddress(ip_address(str(entry))) for entry in ips]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH] if alternatives else []
    purposes += [ExtendedKeyUsageOID.CLIENT_AUTH] if client else []
    if not purposes:
        raise ValueError(f"certificate {name!r} is neither a server's (dns, ips) nor a client's")
    found = _load(certificate, key_file)
    if found and _still_good(found[0], issuer, subject, alternatives, purposes):
        return certificate, key_file
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(subject, issuer.subject, key.public_key(), LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    _write_pair(certificate, key_file, builder.sign(issuer_key, hashes.SHA256()), key)
    return certificate, key_file


def _files(paths: Paths, name: str) -> tuple[Path, Path]:
    where = directory(paths)
    return where / f"{name}.crt", where / f"{name}.key"


def _load(certificate: Path, key_file: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """A certificate with the key that belongs to it; None where either is missing, damaged or another's."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or loaded.public_key() != key.public_key():
        return None
    return loaded, key


def _still_good(
    found: x509.Certificate,
    issuer: x509.Certificate,
    subject: x509.Name,
    alternatives: Sequence[x509.GeneralName],
    purposes: Sequence[x509.ObjectIdentifier],
) -> bool:
    if found.not_valid_after_utc < datetime.now(UTC) + RENEW_BEFORE or found.subject != subject:
        return False
    try:
        found.verify_directly_issued_by(issuer)
        usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        names: list[x509.GeneralName] = []
        with contextlib.suppress(x509.ExtensionNotFound):
            names = list(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (InvalidSignature, ValueError, x509.ExtensionNotFound):
        return False
    return list(usage) == list(purposes) and names == list(alternatives)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_pair(
    certificate: Path, key_file: Path, signed: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    certificate.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The key first: a pair that an interruption left unmatched is seen as such and made again.
    _replace(key_file, secret, 0o600)
    _replace(certificate, signed.public_bytes(serialization.Encoding.PEM), 0o644)


def _replace(target: Path, content: bytes, mode: int) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    partial.replace(target)
