"""Certificates for localhost, made by openssl and good for two days."""

import shutil
import subprocess
from pathlib import Path

import pytest

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificates(folder: Path, authority: str, *names: str) -> None:
    """Makes an authority and, signed by it, a certificate of each name: NAME.pem with NAME.key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    made = ["-keyout", f"{authority}.key", "-out", f"{authority}.pem", "-days", "2"]
    openssl("req", "-x509", *_KEY, *made, "-subj", f"/CN={authority}")
    for name in names:
        openssl("req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ["-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "2"]
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing, "-extfile", "san")
