"""The authorities of Amazon RDS that the image holds: real, valid, complete, and what PostgreSQL's client goes by."""

import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from components.aws.database import AUTHORITY, AUTHORITY_FILE
from components.aws.regions import REGIONS, WITHOUT_AUTHORITY
from stacks.settings import PROJECT
from tools.rds_certificates import ROOT, bundle, common_name, roots

pytestmark = pytest.mark.unit

BUNDLE = PROJECT / "certificates" / Path(AUTHORITY_FILE).name
NOW = datetime.datetime.now(datetime.UTC)
YEARS = datetime.timedelta(days=10 * 365)
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""How PostgreSQL's client asks for TLS; the server answers S."""


def certificates() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(BUNDLE.read_bytes())


def regions(algorithm: str) -> set[str]:
    """The regions that have a root of this kind."""
    found = [ROOT.fullmatch(common_name(certificate)) for certificate in certificates()]
    return {match[1] for match in found if match and match[2] == algorithm}


def test_every_certificate_is_a_root_of_amazons_that_signed_itself_and_may_sign_others() -> None:
    assert certificates()
    for certificate in certificates():
        assert ROOT.fullmatch(common_name(certificate))
        (organization,) = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        assert organization.value == "Amazon Web Services, Inc."
        certificate.verify_directly_issued_by(certificate)
        assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_none_has_expired_or_will_for_years() -> None:
    for certificate in certificates():
        assert certificate.not_valid_before_utc < NOW
        assert certificate.not_valid_after_utc > NOW + YEARS


def test_every_region_that_a_stack_may_choose_is_there_but_for_those_that_are_known_to_be_missing() -> None:
    assert AUTHORITY == "rds-ca-rsa2048-g1"
    assert regions("RSA2048") == REGIONS - WITHOUT_AUTHORITY
    assert regions("RSA4096") == regions("ECC384") == regions("RSA2048")


def test_there_is_no_private_key_and_nothing_that_the_tool_would_not_write_again() -> None:
    text = BUNDLE.read_text()
    assert "PRIVATE KEY" not in text
    assert bundle(roots(BUNDLE.read_bytes(), NOW)) == text


def test_the_tool_leaves_out_what_is_over_what_is_for_tests_and_what_is_not_amazons() -> None:
    names = ["Amazon RDS Beta us-east-1 Root CA RSA2048 G1", "Amazon RDS Root 2019 CA", "Somebody's CA"]
    pem = b"".join(Authority(name).pem for name in names)
    ours = Authority("Amazon RDS us-east-1 Root CA RSA2048 G1")
    kept = list(roots(pem + ours.pem, NOW))
    assert [common_name(certificate) for certificate in kept] == ["Amazon RDS us-east-1 Root CA RSA2048 G1"]
    assert list(roots(ours.pem, NOW + YEARS)) == []


class Authority:
    """A root of our own making, valid for a day."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.issue(self.name, self.key, x509.BasicConstraints(ca=True, path_length=None))
        self.pem = self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        return builder.not_valid_before(NOW - day).not_valid_after(NOW + day).sign(self.key, hashes.SHA256())


def server_of(authority: Authority, host: str, folder: Path) -> ssl.SSLContext:
    """What a server needs to prove that it is `host`, by this authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = authority.issue(name, key, x509.SubjectAlternativeName([x509.DNSName(host)]))
    file = folder / f"{host}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def listening(context: ssl.SSLContext) -> Generator[tuple[int, list[bytes]]]:
    """A server that gets as far as TLS: its port, and what clients sent it once they trusted it."""
    trusted: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(20)
                assert connection.recv(8) == SSL_REQUEST
                connection.sendall(b"S")
                try:
                    with context.wrap_socket(connection, server_side=True) as secure:
                        trusted.append(secure.recv(1024))
                except (ssl.SSLError, OSError):
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], trusted
        thread.join(timeout=30)


def connect(port: int, host: str, roots_file: Path) -> str:
    """What PostgreSQL's client says about the server, with the very settings of our DATABASE_URL."""
    with pytest.raises(psycopg.OperationalError) as refused:
        psycopg.connect(
            f"postgresql://rag:secret@{host}:{port}/rag?sslmode=verify-full&sslrootcert={roots_file}",
            hostaddr="127.0.0.1",
            connect_timeout=20,
            gssencmode="disable",
        )
    return str(refused.value)


@pytest.mark.parametrize("name", ["Amazon RDS eu-central-1 Root CA RSA2048 G1", "Somebody's CA"])
def test_a_server_whose_authority_only_bears_amazons_name_never_sees_the_password(name: str, tmp_path: Path) -> None:
    impostor = Authority(name)
    with listening(server_of(impostor, "database.example.com", tmp_path)) as (port, trusted):
        assert "certificate verify failed" in connect(port, "database.example.com", BUNDLE)
    assert trusted == []


def test_a_server_is_trusted_by_an_authority_of_the_file_and_only_under_its_own_name(tmp_path: Path) -> None:
    ours = Authority("ours")
    file = tmp_path / "roots.pem"
    file.write_bytes(BUNDLE.read_bytes() + ours.pem)
    with listening(server_of(ours, "database.example.com", tmp_path)) as (port, trusted):
        assert "certificate verify failed" not in connect(port, "database.example.com", file)
    assert b"rag" in trusted[0], "the start of a session: user and database"
    with listening(server_of(ours, "database.example.com", tmp_path)) as (port, trusted):
        assert 'does not match host name "other.example.com"' in connect(port, "other.example.com", file)
    assert not any(trusted)
