"""A throwaway certificate authority, and the certificate of a server on 127.0.0.1."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """A certificate authority.

    Attributes:
        bundle: The file with its certificate, for `SSL_CERT_FILE`.
        server: The TLS context of a server whose certificate it has signed.
    """

    bundle: Path
    server: ssl.SSLContext


def make_authority(folder: Path, days: int = 1) -> Authority:
    """Create an authority and a server's certificate in a folder. Both are valid for so many days."""
    authority, subject = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A test's authority")])
    root = _builder(issuer, issuer, authority.public_key(), days)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    # OpenSSL refuses an authority's certificate without these two.
    own_key = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    root = root.add_extension(own_key, critical=False).add_extension(_signs_certificates(), critical=True)
    bundle = folder / "authority.pem"
    bundle.write_bytes(root.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    leaf = _builder(name, issuer, subject.public_key(), days)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_key)
    leaf = leaf.add_extension(address, critical=False).add_extension(signer, critical=False)
    chain = folder / "server.pem"
    chain.write_bytes(
        leaf.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + subject.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    return Authority(bundle, server)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _signs_certificates() -> x509.KeyUsage:
    others = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **others)
