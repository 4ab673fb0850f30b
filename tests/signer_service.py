"""A remote signer on this machine, which wants a certificate of its client; and an authority."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.evm import Address, ChainId, bytes_from_hex
from settlement.payouts.operation import TransactionDraft

Answer = tuple[int, bytes]
_DAYS = timedelta(days=2)


@dataclass(frozen=True)
class Certified:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = directory, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._issued(name, self._key, host=None)
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, *, host: str | None = None, password: str | None = None
    ) -> Certified:
        """A certificate for a name, for a server also for its host."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = Certified(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        certificate = self._issued(name, key, host=host)
        made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            encryption = serialization.BestAvailableEncryption(password.encode())
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
            )
        )
        return made

    def _issued(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, host: str | None
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        is_authority = name == self._name
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAYS)
            .not_valid_after(now + _DAYS)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        if host is not None:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@dataclass
class SignerService:
    """What the service was asked, and how it answers; `let_in` counts who passed the handshake."""

    answer: Callable[[dict[str, Any]], Answer]
    asked: list[dict[str, Any]] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    let_in: int = 0
    port: int = 0

    def url(self, host: str = "localhost") -> str:
        return f"https://{host}:{self.port}/sign/hunter2"


@contextmanager
def running_service(
    server: Certified, authority: Path, answer: Callable[[dict[str, Any]], Answer]
) -> Iterator[SignerService]:
    """Serve on a free port to clients whose certificate the authority issued."""
    service = SignerService(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.let_in += 1
            certificate = self.connection.getpeercert()
            service.clients.append(str(dict(one[0] for one in certificate["subject"])))
            length = int(self.headers["Content-Length"])
            service.asked.append(json.loads(self.rfile.read(length)))
            status, body = service.answer(service.asked[-1])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Refused handshakes are what is tested."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(server.certificate, server.key)
    with Server(("127.0.0.1", 0), Handler) as http:
        # The handshake belongs to the handler's thread: a refused one must not end the server.
        http.socket = context.wrap_socket(
            http.socket, server_side=True, do_handshake_on_connect=False
        )
        service.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield service
        finally:
            http.shutdown()
            thread.join()


def asked_draft(asked: dict[str, Any]) -> TransactionDraft:
    """The draft that a question spells."""
    fields = asked["transaction"]
    return TransactionDraft(
        chain_id=ChainId(int(fields["chainId"])),
        nonce=int(fields["nonce"]),
        to=Address.from_hex(fields["to"]),
        data=bytes_from_hex(fields["data"]),
        gas=int(fields["gas"]),
        max_fee_wei=int(fields["maxFeePerGas"]),
        tip_wei=int(fields["maxPriorityFeePerGas"]),
    )
