"""Pictures by URL: from hosts that are named, and from nowhere within."""

import base64
import binascii
import hashlib
import http.client
import ipaddress
import os
import re
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from .reading import PictureCode, PictureProblem

MOST_REDIRECTS = 3
CHUNK = 64 * 1024
PORTS = {"http": 80, "https": 443}
AddressJudge = Callable[[str], bool]
Resolver = Callable[[str, int], list[str]]


def is_public(address: str) -> bool:
    """Is it an address of the open internet? Private, local and reserved ones are not."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return mapped.is_global and not mapped.is_multicast


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Downloader:
    """Fetches pictures into ``folder``, each under the SHA-256 of its content.

    ``hosts`` are asked and no others, directly and without a proxy. The address that is
    checked is the one that is connected to, for every redirect anew, so that no name
    can lead to a machine within.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        folder: Path,
        max_bytes: int,
        timeout_s: float,
        may_ask: AddressJudge = is_public,
        addresses_of: Resolver = resolve,
    ) -> None:
        self._hosts = {host.lower() for host in hosts}
        self._folder = folder
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._may_ask = may_ask
        self._addresses_of = addresses_of

    def fetch(self, url: str) -> str:
        """The path of the file.

        Raises:
            PictureProblem: ``PICTURE_HOST`` or ``PICTURE_DOWNLOAD``.
        """
        deadline = time.monotonic() + self._timeout_s
        try:
            for _ in range(MOST_REDIRECTS + 1):
                content = self._ask(url, deadline)
                if isinstance(content, bytes):
                    return self._store(content)
                url = content
        except PictureProblem:
            raise
        except TimeoutError:
            raise _failed(f"did not arrive within {self._timeout_s:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = f"did not arrive: {str(error) or type(error).__name__}"
            raise _failed(reason) from None
        raise _failed(f"is redirected more than {MOST_REDIRECTS} times")

    def _ask(self, url: str, deadline: float) -> bytes | str:
        """The content, or the URL that is to be asked in its place."""
        parts = urlsplit(url)
        host, port = self._allowed(parts)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = self._connect(parts.scheme, host, port, deadline)
        try:
            target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
            headers = {"User-Agent": "captune", "Accept": "image/*"}
            connection.request("GET", target, headers=headers)
            # Closed here: it holds the socket after its connection has let go of it.
            with connection.getresponse() as answer:
                if answer.status in (301, 302, 303, 307, 308):
                    return urljoin(url, answer.headers.get("Location", ""))
                if answer.status != 200:
                    raise _failed(f"did not arrive: HTTP status {answer.status}")
                return self._read(answer, connection.sock, deadline)
        finally:
            connection.close()

    def _allowed(self, parts: SplitResult) -> tuple[str, int]:
        host = (parts.hostname or "").lower()
        usual = PORTS.get(parts.scheme)
        if usual is None or not host:
            raise _refused("has a URL that is neither http nor https")
        port = parts.port or usual
        named = f"{host}:{port}" in self._hosts
        if not named and not (port == usual and host in self._hosts):
            shown = host if port == usual else f"{host}:{port}"
            raise _refused(
                f"is at {shown}, which data.pictures.hosts does not name",
                "Add the host there if it is to be asked.",
            )
        return host, port

    def _connect(
        self, scheme: str, host: str, port: int, deadline: float
    ) -> socket.socket:
        addresses = self._addresses_of(host, port)
        if not addresses or not all(map(self._may_ask, addresses)):
            raise _refused(f"is at {host}, which has a private address")
        plain = socket.create_connection((addresses[0], port), _left(deadline))
        if scheme == "http":
            return plain
        try:
            context = ssl.create_default_context()
            return context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def _read(
        self,
        answer: http.client.HTTPResponse,
        connected: socket.socket | None,
        deadline: float,
    ) -> bytes:
        content = bytearray()
        while True:
            if connected is not None:
                connected.settimeout(_left(deadline))
            chunk = answer.read1(CHUNK)
            if not chunk:
                if answer.length:
                    raise _failed("broke off before its end")
                return bytes(content)
            content += chunk
            if len(content) > self._max_bytes:
                raise _failed(
                    f"has more than {self._max_bytes} bytes",
                    "Raise data.pictures.maxDownloadBytes if it is to be used.",
                )

    def _store(self, content: bytes) -> str:
        path = self._folder / hashlib.sha256(content).hexdigest()
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, partial = tempfile.mkstemp(dir=self._folder, suffix=".partial")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.replace(partial, path)
            except BaseException:
                os.unlink(partial)
                raise
        return str(path)


def decode_data_url(text: str, max_bytes: int) -> bytes:
    """The bytes within ``data:image/...;base64,...``.

    Raises:
        PictureProblem: ``PICTURE_DAMAGED`` for anything else, ``PICTURE_DOWNLOAD`` for
            more bytes than allowed.
    """
    match = re.match(r"data:image/[\w.+-]+;base64,", text)
    if match is None:
        reason = "is a data: URL that is not an image in base64"
        raise PictureProblem(PictureCode.PICTURE_DAMAGED, reason)
    encoded = text[match.end() :]
    if len(encoded) > (max_bytes + 2) // 3 * 4:
        raise _failed(f"has more than {max_bytes} bytes")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        reason = "is a data: URL whose base64 is broken"
        raise PictureProblem(PictureCode.PICTURE_DAMAGED, reason) from None


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _refused(reason: str, remedy: str = "") -> PictureProblem:
    return PictureProblem(PictureCode.PICTURE_HOST, reason, remedy)


def _failed(reason: str, remedy: str = "") -> PictureProblem:
    return PictureProblem(PictureCode.PICTURE_DOWNLOAD, reason, remedy)
