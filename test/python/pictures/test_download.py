"""Only hosts that are named are asked, never one within, and never for too much."""

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from captune_worker.pictures import Downloader, PictureProblem, decode_data_url
from captune_worker.pictures.download import is_public

CONTENT = bytes(range(256)) * 8


class Handler(BaseHTTPRequestHandler):
    """A host with a picture, redirects and troubles."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        target = {
            "/moved": "/picture?a=1",
            "/loop": "/loop",
            "/within": "http://inner.test/secret",
            "/file": "file:///etc/passwd",
        }.get(self.path)
        if target is not None:
            self.send_response(302)
            self.send_header("Location", target)
            self.end_headers()
        elif self.path == "/gone":
            self.send_error(404)
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            self.server.release.wait(10)
        else:
            self.send_response(200)
            if self.path == "/short":
                self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.release = [], threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


def url_of(server: ThreadingHTTPServer, path: str) -> str:
    return f"http://pictures.test:{server.server_port}{path}"


@pytest.fixture
def downloader(server: ThreadingHTTPServer, tmp_path: Path) -> Downloader:
    """It takes this machine for the open internet."""
    names = {"pictures.test": ["127.0.0.1"], "inner.test": ["10.0.0.7"]}
    return Downloader(
        [f"pictures.test:{server.server_port}", "inner.test"],
        tmp_path / "downloads",
        max_bytes=4_000,
        timeout_s=5,
        may_ask=lambda address: address == "127.0.0.1",
        addresses_of=lambda host, _: names[host],
    )


def problem_of(downloader: Downloader, url: str) -> PictureProblem:
    with pytest.raises(PictureProblem) as caught:
        downloader.fetch(url)
    return caught.value


@pytest.mark.parametrize("path", ["/picture", "/picture?a=1#b", "/moved"])
def test_a_picture_arrives_under_its_content(
    server, downloader, tmp_path, path
) -> None:
    found = downloader.fetch(url_of(server, path))
    assert Path(found).read_bytes() == CONTENT
    assert Path(found).name == hashlib.sha256(CONTENT).hexdigest()
    assert [one.name for one in (tmp_path / "downloads").iterdir()] == [
        Path(found).name
    ]
    assert "#" not in server.asked[-1]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", "HTTP status 404"),
        ("/loop", "redirected more than 3 times"),
        ("/short", "broke off before its end"),
    ],
)
def test_what_does_not_arrive(server, downloader, path: str, reason: str) -> None:
    problem = problem_of(downloader, url_of(server, path))
    assert problem.code == "PICTURE_DOWNLOAD"
    assert reason in problem.reason


def test_too_much_and_too_slow(server, tmp_path) -> None:
    def limited(max_bytes: int, timeout_s: float) -> Downloader:
        return Downloader(
            [f"pictures.test:{server.server_port}"],
            tmp_path / "downloads",
            max_bytes,
            timeout_s,
            may_ask=lambda _: True,
            addresses_of=lambda *_: ["127.0.0.1"],
        )

    problem = problem_of(limited(len(CONTENT) - 1, 5), url_of(server, "/picture"))
    assert "has more than 2047 bytes" in problem.reason
    assert limited(len(CONTENT), 5).fetch(url_of(server, "/picture"))
    problem = problem_of(limited(10, 0.2), url_of(server, "/slow"))
    assert problem.reason == "did not arrive within 0.2 s"


@pytest.mark.parametrize("path", ["/within", "/file"])
def test_a_redirect_leads_nowhere_else(server, downloader, path: str) -> None:
    assert problem_of(downloader, url_of(server, path)).code == "PICTURE_HOST"


@pytest.mark.parametrize(
    "url",
    [
        "http://other.test/a.png",
        "http://pictures.test/a.png",
        "http://pictures.test:81/a.png",
        "http://pictures.test.evil.test/a.png",
        "http://pictures.test@evil.test/a.png",
        "ftp://pictures.test/a.png",
        "http:///a.png",
    ],
)
def test_hosts_that_nobody_named(server, downloader, url: str) -> None:
    assert problem_of(downloader, url).code == "PICTURE_HOST"
    assert server.asked == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "10.1.2.3", "0.0.0.0"],
)
def test_private_addresses_are_not_asked_even_by_name(tmp_path, host: str) -> None:
    bare = host.strip("[]")
    downloader = Downloader([bare], tmp_path, 10, 5)
    problem = problem_of(downloader, f"http://{host}/a.png")
    assert (problem.code, "private address" in problem.reason) == ("PICTURE_HOST", True)


def test_one_private_address_among_public_ones_is_enough(tmp_path) -> None:
    mixed = ["93.184.216.34", "192.168.0.1"]
    downloader = Downloader(["a.test"], tmp_path, 10, 5, addresses_of=lambda *_: mixed)
    assert problem_of(downloader, "http://a.test/x").code == "PICTURE_HOST"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("fe80::1%eth0", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_data_urls() -> None:
    text = "data:image/png;base64," + base64.b64encode(CONTENT).decode()
    assert decode_data_url(text, len(CONTENT)) == CONTENT
    for bad, code in [
        ("data:text/html;base64,AAAA", "PICTURE_DAMAGED"),
        ("data:image/png,AAAA", "PICTURE_DAMAGED"),
        ("data:image/png;base64,?", "PICTURE_DAMAGED"),
        (text, "PICTURE_DOWNLOAD"),
    ]:
        with pytest.raises(PictureProblem) as caught:
            decode_data_url(bad, 100)
        assert caught.value.code == code
