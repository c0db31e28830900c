"""GitHub's issuer of identity tokens, as far as an API server asks it: where the keys are, and which they are.

It runs on loopback. Tokens name the real issuer, so the stack's own configuration of the API server stays as it is, but
for the address at which the keys are found.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import json
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from components.kubernetes.oidc_trust import AUDIENCE, ISSUER

if TYPE_CHECKING:
    from collections.abc import Generator

DISCOVERY: Final = "/.well-known/openid-configuration"
KEYS: Final = "/keys"
HOST: Final = "127.0.0.1"
LIFETIME_SECONDS: Final = 3600


@dataclass(frozen=True, kw_only=True)
class GitHub:
    """A running issuer: `discovery` is where it is asked, `certificate` what its own certificate is verified with."""

    discovery: str
    certificate: str
    key: rsa.RSAPrivateKey

    def token(self, subject: str, *, repository: str, audience: str = AUDIENCE) -> str:
        """Return a token as a workflow of the repository is given one."""
        now = int(time.time())
        claims: dict[str, object] = {"iss": ISSUER, "aud": audience, "sub": subject, "repository": repository}
        claims |= {"iat": now, "nbf": now - 60, "exp": now + LIFETIME_SECONDS}
        signed = f"{_encoded({'alg': 'RS256', 'kid': 'test', 'typ': 'JWT'})}.{_encoded(claims)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


@contextlib.contextmanager
def github() -> Generator[GitHub]:
    """Run the issuer for the length of the block."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    documents: dict[str, object] = {KEYS: {"keys": [_public(key)]}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # why: the base class's name for it
            found = documents.get(self.path)
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
            """Nothing: a test's output is for its failures."""

    certificate = _certificate(key)
    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.socket = _context(key, certificate).wrap_socket(server.socket, server_side=True)
    address = f"https://{HOST}:{server.server_address[1]}"
    signing = {"id_token_signing_alg_values_supported": ["RS256"]}
    documents[DISCOVERY] = {"issuer": ISSUER, "jwks_uri": f"{address}{KEYS}", **signing}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield GitHub(discovery=f"{address}{DISCOVERY}", certificate=certificate, key=key)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _encoded(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _public(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    modulus, exponent = (_base64(value.to_bytes((value.bit_length() + 7) // 8)) for value in (numbers.n, numbers.e))
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "test", "n": modulus, "e": exponent}


def _certificate(key: rsa.RSAPrivateKey) -> str:
    """A certificate of this machine's own address, signed by itself, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.test")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def _context(key: rsa.RSAPrivateKey, certificate: str) -> ssl.SSLContext:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="rag-test-issuer-") as folder:
        file = Path(folder) / "issuer.pem"
        file.touch(mode=0o600)
        file.write_text(private.decode() + certificate)
        context.load_cert_chain(file)
    return context
