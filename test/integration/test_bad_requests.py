"""Bad HTTP/1.1 requests as raw bytes: what each is answered, and that no upstream ever takes one for a request.

Each case is sent on a connection of its own, followed by a smuggled request where it could hide one. A refused request
ends its connection, so nothing that follows it is ever read as a request.
"""

import pytest

from conftest import Baton, ThreadingServer, bootstrap, cluster, forward_all, http_filter, listener, raw, wait_for

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"


def get(fields=b"", target=b"/", version=b"HTTP/1.1", host=b"host: a\r\n", method=b"GET"):
    return method + b" " + target + b" " + version + b"\r\n" + host + fields + b"\r\n"


def post(fields, body=b""):
    return get(fields, method=b"POST") + body


def chunked(body, fields=b""):
    return post(b"transfer-encoding: chunked\r\n" + fields, body)


# name: (bytes, status)
FRAMING = {
    "CL and TE": (post(b"content-length: 5\r\ntransfer-encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED), 400),
    "TE and CL": (post(b"transfer-encoding: chunked\r\ncontent-length: 5\r\n", b"0\r\n\r\n" + SMUGGLED), 400),
    "TE and CL 0": (post(b"transfer-encoding: chunked\r\ncontent-length: 0\r\n", b"0\r\n\r\n"), 400),
    "different CLs": (post(b"content-length: 5\r\ncontent-length: 6\r\n", b"helloX" + SMUGGLED), 400),
    "CL list of different": (post(b"content-length: 5, 6\r\n", b"hello" + SMUGGLED), 400),
    "CL empty": (post(b"content-length:\r\n", SMUGGLED), 400),
    "CL of a comma": (post(b"content-length: ,\r\n", SMUGGLED), 400),
    "CL trailing comma": (post(b"content-length: 5,\r\n", b"hello"), 400),
    "CL plus": (post(b"content-length: +5\r\n", b"hello" + SMUGGLED), 400),
    "CL minus": (post(b"content-length: -1\r\n", SMUGGLED), 400),
    "CL minus zero": (post(b"content-length: -0\r\n", SMUGGLED), 400),
    "CL hex": (post(b"content-length: 0x5\r\n", b"hello"), 400),
    "CL hex digits": (post(b"content-length: a\r\n", b"helloworld"), 400),
    "CL octal-like underscore": (post(b"content-length: 1_0\r\n", b"helloworld"), 400),
    "CL fraction": (post(b"content-length: 5.0\r\n", b"hello"), 400),
    "CL exponent": (post(b"content-length: 1e1\r\n", b"helloworld"), 400),
    "CL inner space": (post(b"content-length: 1 0\r\n", b"helloworld"), 400),
    "CL quoted": (post(b'content-length: "5"\r\n', b"hello"), 400),
    "CL 2^64": (post(b"content-length: 18446744073709551616\r\n", SMUGGLED), 400),
    "CL 2^64+5": (post(b"content-length: 18446744073709551621\r\n", b"hello" + SMUGGLED), 400),
    "CL of 100 nines": (post(b"content-length: " + b"9" * 100 + b"\r\n", SMUGGLED), 400),
    "CL NUL": (post(b"content-length: 5\0\r\n", b"hello"), 400),
    "CL vertical tab": (post(b"content-length: \x0b5\r\n", b"hello"), 400),
    "CL then fold": (post(b"content-length: 5\r\n 0\r\n", b"hello"), 400),
    "CL semicolon": (post(b"content-length: 5;q=1\r\n", b"hello"), 400),
    "CL high digit": (post(b"content-length: \xef\xbc\x95\r\n", b"hello"), 400),
    "TE identity": (post(b"transfer-encoding: identity\r\n", SMUGGLED), 400),
    "TE gzip": (post(b"transfer-encoding: gzip\r\n", SMUGGLED), 400),
    "TE gzip, chunked": (post(b"transfer-encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501),
    "TE chunked, gzip": (post(b"transfer-encoding: chunked, gzip\r\n", b"0\r\n\r\n" + SMUGGLED), (400, 501)),
    "TE chunked, identity": (post(b"transfer-encoding: chunked, identity\r\n", b"0\r\n\r\n" + SMUGGLED), (400, 501)),
    "TE chunked, chunked": (post(b"transfer-encoding: chunked, chunked\r\n", b"0\r\n\r\n" + SMUGGLED), (400, 501)),
    "TE twice": (post(b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", b"0\r\n\r\n"), (400, 501)),
    "TE chunked and identity lines": (post(b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
                                           b"0\r\n\r\n" + SMUGGLED), (400, 501)),
    "TE xchunked": (post(b"transfer-encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED), 400),
    "TE chunkedx": (post(b"transfer-encoding: chunkedx\r\n", b"0\r\n\r\n" + SMUGGLED), 400),
    "TE empty": (post(b"transfer-encoding:\r\n", SMUGGLED), (400, 501)),
    "TE comma": (post(b"transfer-encoding: ,chunked\r\n", b"0\r\n\r\n" + SMUGGLED), (400, 501)),
    "TE with parameter": (post(b"transfer-encoding: chunked;a=b\r\n", b"0\r\n\r\n" + SMUGGLED), (400, 501)),
    "TE quoted": (post(b'transfer-encoding: "chunked"\r\n', b"0\r\n\r\n" + SMUGGLED), (400, 501)),
    "TE vertical tab": (post(b"transfer-encoding: \x0bchunked\r\n", b"0\r\n\r\n" + SMUGGLED), (400, 501)),
    "TE folded": (post(b"transfer-encoding:\r\n chunked\r\n", b"0\r\n\r\n" + SMUGGLED), 400),
    "TE name with space": (post(b"transfer-encoding : chunked\r\n", b"0\r\n\r\n" + SMUGGLED), 400),
    "TE with underscore": (post(b"transfer_encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED), 400),
    "CL with underscore": (post(b"content_length: 5\r\n", b"hello"), 400),
    "TE in HTTP/1.0": (get(b"transfer-encoding: chunked\r\n", version=b"HTTP/1.0", method=b"POST") +
                       b"0\r\n\r\n", (400, 426)),
}

HEAD = {
    "fold": (get(b"x: a\r\n b\r\n"), 400),
    "fold by tab": (get(b"x: a\r\n\tb\r\n"), 400),
    "fold before the first field": (b"GET / HTTP/1.1\r\n host: a\r\n\r\n", 400),
    "space-only line": (get(b"x: a\r\n \r\n"), 400),
    "bare LF after the start line": (b"GET / HTTP/1.1\nhost: a\r\n\r\n", 400),
    "bare LF after a field": (b"GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", 400),
    "bare LF as the end": (b"GET / HTTP/1.1\r\nhost: a\r\n\n", 400),
    "bare CR in the target": (get(target=b"/a\rb"), 400),
    "bare CR in a value": (get(b"x: a\rb\r\n"), 400),
    "bare CR as a line's end": (get(b"x: a\ry: b\r\n"), 400),
    "CR CR LF": (get(b"x: a\r\r\n"), 400),
    "bare CR in a name": (get(b"x\r: a\r\n"), 400),
    "space before the colon": (get(b"x : a\r\n"), 400),
    "tab before the colon": (get(b"x\t: a\r\n"), 400),
    "empty name": (get(b": a\r\n"), 400),
    "no colon": (get(b"novalue\r\n"), 400),
    "space in a name": (get(b"a b: c\r\n"), 400),
    "quote in a name": (get(b'a"b: c\r\n'), 400),
    "parenthesis in a name": (get(b"a(b): c\r\n"), 400),
    "slash in a name": (get(b"a/b: c\r\n"), 400),
    "at in a name": (get(b"a@b: c\r\n"), 400),
    "pseudo header": (get(b":path: /x\r\n"), 400),
    "high byte in a name": (get(b"\xc3\xa9: c\r\n"), 400),
    "NUL in a name": (get(b"a\0b: c\r\n"), 400),
    "DEL in a name": (get(b"a\x7fb: c\r\n"), 400),
    "underscore in a name": (get(b"a_b: c\r\n"), 400),
    "NUL in a value": (get(b"x: a\0b\r\n"), 400),
    "SOH in a value": (get(b"x: a\x01b\r\n"), 400),
    "ESC in a value": (get(b"x: a\x1bb\r\n"), 400),
    "DEL in a value": (get(b"x: a\x7fb\r\n"), 400),
    "NUL in the target": (get(target=b"/a\0b"), 400),
    "control in the target": (get(target=b"/a\x01b"), 400),
    "DEL in the target": (get(target=b"/a\x7fb"), 400),
    "tab in the target": (get(target=b"/a\tb"), 400),
    "space in the target": (get(target=b"/a b"), 400),
    "high byte in the target": (get(target=b"/\xc3\xa9"), 400),
    "fragment": (get(target=b"/a#b"), 400),
    "backslash-only target": (get(target=b"\\"), 400),
    "target without a slash": (get(target=b"index.html"), 400),
    "empty target": (b"GET  HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "two spaces before the version": (b"GET /  HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "tab for a space": (b"GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "leading space": (b" GET / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "trailing space after the version": (b"GET / HTTP/1.1 \r\nhost: a\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "no version with host": (b"GET /\r\nhost: a\r\n\r\n", 400),
    "version 0.9": (get(version=b"HTTP/0.9"), (400, 505)),
    "version 1.0": (get(version=b"HTTP/1.0"), 426),
    "version 1.2": (get(version=b"HTTP/1.2"), (400, 505)),
    "version 2.0": (get(version=b"HTTP/2.0"), (400, 505)),
    "version 9.9": (get(version=b"HTTP/9.9"), (400, 505)),
    "version 1.1x": (get(version=b"HTTP/1.1x"), 400),
    "version 1.10": (get(version=b"HTTP/1.10"), 400),
    "version 01.1": (get(version=b"HTTP/01.1"), 400),
    "version lower case": (get(version=b"http/1.1"), 400),
    "version HTTPS": (get(version=b"HTTPS/1.1"), 400),
    "version ICY": (get(version=b"ICY/1.1"), 400),
    "method with a colon": (get(method=b"GE:T"), 400),
    "method with a slash": (get(method=b"GE/T"), 400),
    "method with a high byte": (get(method=b"G\xc9T"), 400),
    "method with a NUL": (get(method=b"GE\0T"), 400),
    "method empty": (b" / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "method of parentheses": (get(method=b"(GET)"), 400),
    "TLS ClientHello": (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\0" * 40, 400),
    "SSH greeting": (b"SSH-2.0-OpenSSH_9.2\r\n", 400),
    "binary": (bytes(range(128, 256)) + b"\r\n\r\n", 400),
    "nine empty lines": (b"\r\n" * 9 + get(), 400),
    "LF before the request": (b"\n" + get(), 400),
}

HOST = {
    "no host": (get(host=b""), 400),
    "two hosts": (get(b"host: b\r\n"), 400),
    "two equal hosts": (get(b"host: a\r\n"), 400),
    "host empty": (get(host=b"host:\r\n"), 400),
    "host list": (get(host=b"host: a, b\r\n"), 400),
    "host with space": (get(host=b"host: a b\r\n"), 400),
    "host with slash": (get(host=b"host: a/b\r\n"), 400),
    "host with userinfo": (get(host=b"host: user@a\r\n"), 400),
    "host with question mark": (get(host=b"host: a?b\r\n"), 400),
    "host with fragment": (get(host=b"host: a#b\r\n"), 400),
    "host with backslash": (get(host=b"host: a\\b\r\n"), 400),
    "host with scheme": (get(host=b"host: http://a\r\n"), 400),
    "host with a word as port": (get(host=b"host: a:b\r\n"), 400),
    "host with a big port": (get(host=b"host: a:65536\r\n"), 400),
    "host with two ports": (get(host=b"host: a:1:2\r\n"), 400),
    "host with an open bracket": (get(host=b"host: [::1\r\n"), 400),
    "host with brackets and no address": (get(host=b"host: []\r\n"), 400),
    "host with text after brackets": (get(host=b"host: [::1]a\r\n"), 400),
    "host with high bytes": (get(host=b"host: \xc3\xa9\r\n"), 400),
    "host with NUL": (get(host=b"host: a\0b\r\n"), 400),
    "absolute form without host": (get(target=b"http://a/", host=b""), 400),
    "absolute form with userinfo": (get(target=b"http://u:p@a/"), 400),
    "absolute form without authority": (get(target=b"http:///x"), 400),
    "absolute form with a bad port": (get(target=b"http://a:b/"), 400),
    "absolute form of ftp": (get(target=b"ftp://a/"), 400),
    "absolute form with fragment": (get(target=b"http://a/#x"), 400),
    "absolute form with two hosts": (get(b"host: b\r\n", target=b"http://a/"), 400),
    "asterisk for GET": (get(target=b"*"), 400),
    "asterisk with path": (get(target=b"*/x", method=b"OPTIONS"), 400),
    "CONNECT with path": (get(target=b"/", method=b"CONNECT"), 400),
    "CONNECT without port": (get(target=b"a", method=b"CONNECT"), 400),
    "CONNECT with empty port": (get(target=b"a:", method=b"CONNECT"), 400),
    "CONNECT with port 0": (get(target=b"a:0", method=b"CONNECT"), (400, 403)),
    "CONNECT with big port": (get(target=b"a:99999", method=b"CONNECT"), 400),
    "CONNECT with userinfo": (get(target=b"u@a:80", method=b"CONNECT"), 400),
    "CONNECT with scheme": (get(target=b"http://a:80", method=b"CONNECT"), 400),
    "CONNECT with CL": (get(b"content-length: 5\r\n", target=b"a:80", method=b"CONNECT") + b"hello",
                        (400, 403, 404, 405)),
    "CONNECT that no route allows": (get(target=b"a:80", method=b"CONNECT"), (403, 404, 405)),
    "authority form for GET": (get(target=b"a:80"), 400),
}

CHUNKS = {
    "size not hex": (chunked(b"zz\r\n"), 400),
    "size empty": (chunked(b"\r\nhello\r\n0\r\n\r\n"), 400),
    "size plus": (chunked(b"+5\r\nhello\r\n0\r\n\r\n"), 400),
    "size minus": (chunked(b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    "size 0x": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    "size with leading space": (chunked(b" 5\r\nhello\r\n0\r\n\r\n"), 400),
    "size with underscore": (chunked(b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"), 400),
    "size of 17 digits": (chunked(b"1" + b"0" * 16 + b"\r\nhello\r\n"), 400),
    "size of 2^64-1": (chunked(b"ffffffffffffffff\r\nhello\r\n"), 400),
    "size of many zeros": (chunked(b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n"), 400),
    "size and garbage": (chunked(b"5 x\r\nhello\r\n0\r\n\r\n"), 400),
    "size and comma": (chunked(b"5,\r\nhello\r\n0\r\n\r\n"), 400),
    "size ended by LF": (chunked(b"5\nhello\r\n0\r\n\r\n"), 400),
    "size ended by CR": (chunked(b"5\rhello\r\n0\r\n\r\n"), 400),
    "size CR CR LF": (chunked(b"5\r\r\nhello\r\n0\r\n\r\n"), 400),
    "data longer than its size": (chunked(b"5\r\nhelloX\r\n0\r\n\r\n"), 400),
    "data without CRLF": (chunked(b"5\r\nhello0\r\n\r\n" + SMUGGLED), 400),
    "data ended by LF": (chunked(b"5\r\nhello\n0\r\n\r\n"), 400),
    "data ended by CR": (chunked(b"5\r\nhello\r0\r\n\r\n"), 400),
    "data ended by two bytes": (chunked(b"5\r\nhelloXX0\r\n\r\n"), 400),
    "extension with LF": (chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"), 400),
    "extension with CR": (chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), 400),
    "extension with NUL": (chunked(b"5;a\0b\r\nhello\r\n0\r\n\r\n"), 400),
    "extension quoted LF": (chunked(b'5;a="\n"\r\nhello\r\n0\r\n\r\n'), 400),
    "huge extension": (chunked(b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n"), (400, 413)),
    "many extensions": (chunked((b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 30 + b"0\r\n\r\n"), (400, 413)),
    "last chunk ended by LF": (chunked(b"0\n\r\n"), 400),
    "end by LF": (chunked(b"0\r\n\n"), 400),
    "end by CR": (chunked(b"0\r\n\rX\r\n"), 400),
    "trailer without colon": (chunked(b"0\r\nnocolon\r\n\r\n"), 400),
    "trailer with space before the colon": (chunked(b"0\r\nx : y\r\n\r\n"), 400),
    "trailer folded": (chunked(b"0\r\nx: y\r\n z\r\n\r\n"), 400),
    "trailer with LF": (chunked(b"0\r\nx: y\nz: a\r\n\r\n"), 400),
    "trailer with NUL": (chunked(b"0\r\nx: \0\r\n\r\n"), 400),
    "trailer with CR": (chunked(b"0\r\nx: a\rb\r\n\r\n"), 400),
    "trailer with empty name": (chunked(b"0\r\n: y\r\n\r\n"), 400),
    "trailer pseudo header": (chunked(b"0\r\n:path: /\r\n\r\n"), 400),
    "trailers too large": (chunked(b"0\r\nx: " + b"y" * 20_000 + b"\r\n\r\n"), 431),
    "trailers too many": (chunked(b"0\r\n" + b"x: y\r\n" * 200 + b"\r\n"), 431),
}

LIMITS = {
    "target too long": (get(target=b"/" + b"a" * 17_000), 414),
    "target endless": (b"GET /" + b"a" * 100_000, 414),
    "method endless": (b"A" * 100_000, (400, 414, 431)),
    "field too long": (get(b"x: " + b"y" * 70_000 + b"\r\n"), 431),
    "field endless": (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 100_000, 431),
    "name endless": (b"GET / HTTP/1.1\r\nhost: a\r\n" + b"y" * 100_000, 431),
    "fields too many": (get(b"x: y\r\n" * 101), 431),
    "fields too large together": (get(b"x: " + b"y" * 1000 + b"\r\n" + (b"z: " + b"y" * 1000 + b"\r\n") * 70), 431),
}

OTHERS = {
    "HTTP/2 preface with a bad frame": (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", (400, 505)),
}

# The connection manager's refusals: the framing is sound, so the connection goes on.
KEPT = {
    "percent at the end": (get(target=b"/a%"), 400),
    "percent and one digit": (get(target=b"/a%4"), 400),
    "percent and no hex": (get(target=b"/a%zz"), 400),
    "percent NUL": (get(target=b"/a%00b"), 400),
    "encoded slash": (get(target=b"/a%2fb"), 307),
    "encoded slash upper case": (get(target=b"/a%2Fb"), 307),
    "encoded backslash": (get(target=b"/a%5cb"), 307),
    "upgrade that is off": (get(b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
                                b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 403),
    "TRACE": (get(method=b"TRACE"), 405),
}


def whole(requests):
    """Without those whose end the upstream never saw."""
    return [seen for seen in requests if int(dict(seen["headers"]).get("content-length", seen["body_bytes"])) ==
            seen["body_bytes"]]


def cases(tables):
    return [pytest.param(data, status if isinstance(status, tuple) else (status,), id=f"{group}: {name}")
            for group, table in tables.items() for name, (data, status) in table.items()]


CLOSED = {"framing": FRAMING, "head": HEAD, "host": HOST, "chunk": CHUNKS, "limit": LIMITS, "other": OTHERS}
LAST = get(b"connection: close\r\n", target=b"/last")


class Whole:
    """One Baton and one upstream for the whole table."""

    def __init__(self, directory, **fields):
        self.upstream = ThreadingServer()
        config = bootstrap([listener("web", http_filter(forward_all("one"), **fields))],
                           [cluster("one", self.upstream.server_address[1])])
        self.baton = Baton(directory, config)
        self.baton.wait_ready()
        self.port = self.baton.port("web")

    def end(self):
        self.baton.end()
        self.upstream.end()
        assert self.baton.process.returncode == 0, self.baton.output()[-3000:]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    whole = Whole(tmp_path_factory.mktemp("bad"))
    yield whole
    whole.end()


@pytest.fixture
def proxy_with(tmp_path_factory):
    started = []

    def start(**fields):
        started.append(Whole(tmp_path_factory.mktemp("bad"), **fields))
        return started[-1]

    yield start
    for whole in started:
        whole.end()


def statuses(answer):
    """Of all responses in it. Bodies of refusals and of the echo have no such text."""
    return [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("data, expected", cases(CLOSED))
def test_a_bad_request_is_refused_once_and_ends_its_connection(proxy, data, expected):
    before = len(proxy.upstream.requests)
    # It ends although the client has not: raw() returns at the end of what Baton sends.
    found = statuses(raw(proxy.port, data))
    assert len(found) == 1 and found[0] in expected, found
    assert len(proxy.upstream.requests) == before, proxy.upstream.requests[-1]


@pytest.mark.parametrize("data, expected", cases({"kept": KEPT}))
def test_a_request_that_is_only_unwanted_keeps_its_connection(proxy, data, expected):
    before = len(proxy.upstream.requests)
    found = statuses(raw(proxy.port, data + LAST))
    assert len(found) == 2 and found[0] in expected and found[1] == 200, found
    assert [seen["path"] for seen in proxy.upstream.requests[before:]] == ["/last"]


def test_a_bad_request_behind_a_good_one_is_refused_after_the_good_answer(proxy):
    before = len(proxy.upstream.requests)
    assert statuses(raw(proxy.port, get(target=b"/good") + get(b"x : y\r\n", target=b"/bad") + SMUGGLED)) == [200, 400]
    assert [seen["path"] for seen in proxy.upstream.requests[before:]] == ["/good"]


def test_a_body_does_not_become_a_request(proxy):
    before = len(proxy.upstream.requests)
    body = SMUGGLED
    fields = b"content-length: %d\r\n" % len(body)
    assert statuses(raw(proxy.port, post(fields, body) + LAST)) == [200, 200]
    assert statuses(raw(proxy.port, chunked(b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n") + LAST)) == [200, 200]
    assert [seen["path"] for seen in proxy.upstream.requests[before:]] == ["/", "/last", "/", "/last"]


def test_what_follows_connection_close_is_never_a_request(proxy):
    before = len(proxy.upstream.requests)
    assert statuses(raw(proxy.port, LAST + SMUGGLED)) == [200]
    assert len(proxy.upstream.requests) == before + 1


@pytest.mark.parametrize("data", [post(b"content-length: 10\r\n", b"hello"), chunked(b"5\r\nhello\r\n"),
                                  chunked(b"5\r\nhel"), chunked(b"5\r\nhello\r\n0\r\n"),
                                  b"GET / HTTP/1.1\r\nhost: a\r\n"],
                         ids=["length", "between chunks", "in a chunk", "before the last line", "head"])
def test_a_message_that_its_client_cut_short_is_not_a_request(proxy, data):
    before = len(whole(proxy.upstream.requests))
    assert 200 not in statuses(raw(proxy.port, data, shutdown=True))
    wait_for(lambda: proxy.baton.stat("http.test.downstream_cx_active") == 0, "the connection to end")
    wait_for(lambda: proxy.baton.stat("cluster.one.upstream_rq_active") == 0, "the request to be given up")
    assert len(whole(proxy.upstream.requests)) == before


def test_the_target_in_absolute_form_wins_over_host(proxy):
    raw(proxy.port, get(b"connection: close\r\n", target=b"http://other.example:81/x?y"))
    seen = proxy.upstream.requests[-1]
    assert seen["path"] == "/x?y"
    assert [value for name, value in seen["headers"] if name == "host"] == ["other.example:81"]


@pytest.mark.parametrize("target, path", [
    (b"/..", "/"), (b"/a/../../b", "/b"), (b"/%2e%2e/b", "/b"), (b"/a/%2E/b", "/a/b"), (b"/a//b", "/a/b"),
    (b"/a/./b/", "/a/b/"), (b"/a/..", "/"), (b"/a%20b", "/a%20b"), (b"/%61", "/a"), (b"/a?x=/../y//z", "/a?x=/../y//z"),
    (b"/a;v=1/../b", "/b"), (b"/a\\..\\b", "/b"), (b"/?", "/?")])
def test_a_path_reaches_the_upstream_normalised_and_below_the_root(proxy, target, path):
    assert statuses(raw(proxy.port, get(b"connection: close\r\n", target=target))) == [200]
    assert proxy.upstream.requests[-1]["path"] == path


@pytest.mark.parametrize("action, status, path", [
    ("KEEP_UNCHANGED", 200, "/a%2Fb"), ("REJECT_REQUEST", 400, None), ("UNESCAPE_AND_REDIRECT", 307, None),
    ("UNESCAPE_AND_FORWARD", 200, "/a/b")])
def test_escaped_slashes_are_treated_as_configured(proxy_with, action, status, path):
    proxy = proxy_with(path_with_escaped_slashes_action=action)
    answer = raw(proxy.port, get(b"connection: close\r\n", target=b"/a%2Fb"))
    assert statuses(answer) == [status]
    assert [seen["path"] for seen in proxy.upstream.requests] == ([path] if path else [])
    if status == 307:
        assert b"\r\nlocation: /a/b\r\n" in answer


@pytest.mark.parametrize("action, status, arrives", [("ALLOW", 200, True), ("REJECT_REQUEST", 400, False),
                                                     ("DROP_HEADER", 200, False)])
def test_underscores_in_names_are_treated_as_configured(proxy_with, action, status, arrives):
    proxy = proxy_with(common_http_protocol_options={"headers_with_underscores_action": action})
    assert statuses(raw(proxy.port, get(b"a_b: c\r\nconnection: close\r\n"))) == [status]
    names = [name for seen in proxy.upstream.requests for name, _ in seen["headers"]]
    assert ("a_b" in names) == arrives
    stats = proxy.baton.stats("http1.")
    assert stats.get("http1.dropped_headers_with_underscores", 0) == (action == "DROP_HEADER")
    assert stats.get("http1.requests_rejected_with_underscores_in_headers", 0) == (action == "REJECT_REQUEST")


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: a\r\nx: "], ids=["nothing", "half a head"])
def test_a_head_that_does_not_come_in_time_ends_the_connection(proxy_with, begun):
    proxy = proxy_with(request_headers_timeout="0.3s")
    assert statuses(raw(proxy.port, begun)) == ([408] if begun else [])
    assert proxy.baton.stat("http.test.downstream_rq_header_timeout") == 1
    assert proxy.upstream.requests == []


def test_a_head_that_does_not_come_in_time_on_a_used_connection_ends_it(proxy_with):
    proxy = proxy_with(request_headers_timeout="0.3s")
    assert statuses(raw(proxy.port, get() + b"GET / HTTP/1.1\r\nhost: a\r\nx: ")) == [200, 408]
    assert proxy.baton.stat("http.test.downstream_rq_header_timeout") == 1


@pytest.mark.parametrize("field, stat", [("request_timeout", "downstream_rq_timeout"),
                                         ("stream_idle_timeout", "downstream_rq_idle_timeout")])
def test_a_body_that_does_not_come_in_time_is_a_408(proxy_with, field, stat):
    proxy = proxy_with(**{field: "0.3s"})
    assert statuses(raw(proxy.port, post(b"content-length: 10\r\n", b"hello"))) == [408]
    assert proxy.baton.stat(f"http.test.{stat}") == 1
    assert whole(proxy.upstream.requests) == []


def test_limits_are_as_configured(proxy_with):
    proxy = proxy_with(max_request_headers_kb=2, common_http_protocol_options={"max_headers_count": 5})
    assert statuses(raw(proxy.port, get(b"x: " + b"y" * 2100 + b"\r\n"))) == [431]
    assert statuses(raw(proxy.port, get(b"x: y\r\n" * 5))) == [431]
    assert statuses(raw(proxy.port, get(b"x: y\r\n" * 3 + b"connection: close\r\n"))) == [200]
    assert proxy.baton.stat("http.test.downstream_rq_too_large") == 2


def test_http_10_is_answered_only_when_configured(proxy_with):
    proxy = proxy_with(http_protocol_options={"accept_http_10": True, "default_host_for_http_10": "old.example"})
    answer = raw(proxy.port, b"GET /x HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ") or answer.startswith(b"HTTP/1.0 200 ")
    assert dict(proxy.upstream.requests[-1]["headers"])["host"] == "old.example"


def test_every_connection_of_the_table_is_counted_out(proxy):
    wait_for(lambda: proxy.baton.stat("http.test.downstream_cx_active") == 0, "connections to end")
    stats = proxy.baton.stats("http.test.")
    assert stats["http.test.downstream_rq_active"] == 0
    assert stats["http.test.downstream_cx_total"] == stats["http.test.downstream_cx_destroy"]
