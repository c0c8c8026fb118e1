"""Which filter chain a connection gets, and what listener filters see before, against the real binary.

A PROXY header gives a connection whatever addresses a case needs; chains answer with their names."""
import contextlib
import ctypes
import itertools
import os
import socket
import ssl
import struct
import subprocess
import threading

import pytest

from conftest import DEADLINE, address, bootstrap, cluster, http_filter, listener, raw, tcp_filter, wait_for

FILTERS = "type.googleapis.com/envoy.extensions.filters.listener."
PROXY = {"name": "proxy", "typed_config": {"@type": FILTERS + "proxy_protocol.v3.ProxyProtocol"}}
TLS_INSPECTOR = {"name": "tls", "typed_config": {"@type": FILTERS + "tls_inspector.v3.TlsInspector"}}
HTTP_INSPECTOR = {"name": "http", "typed_config": {"@type": FILTERS + "http_inspector.v3.HttpInspector"}}
ECHO = {"name": "echo", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo"}}
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def answers(name):
    return {"name": "answer", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config",
        "response": {"inline_string": name}}}


def chain(name, **match):
    return {"name": name, "filter_chain_match": match, "filters": [answers(name)]}


def chooser(name, chains, filters=(PROXY, TLS_INSPECTOR), **fields):
    return {"name": name, "stat_prefix": name, "address": address(0), "filter_chains": chains,
            "listener_filters": list(filters), **fields}


def client_hello(server_name=None, protocols=()):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name)
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def talk(port, data, source="127.0.0.1", end=False):
    """What the server says until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE, source_address=(source, 0)) as client:
        answer = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            client.sendall(data)
            if end:
                # The server may have closed already.
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                answer += part
        return answer.decode("latin-1")


def proxied(remote="9.9.9.9", remote_port=999, local="8.8.8.8", local_port=888, then=b"x"):
    family = "TCP6" if ":" in remote else "TCP4"
    return f"PROXY {family} {remote} {local} {remote_port} {local_port}\r\n".encode() + then


# --- choice ---

# In Envoy's order, with how a connection meets it.
LEVELS = [
    ("destination_port", {"destination_port": 444}, {"local_port": 444}),
    ("prefix_ranges", {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}]}, {"local": "10.1.2.3"}),
    ("server_names", {"server_names": ["a.example.com"]}, {"server_name": "a.example.com"}),
    ("transport_protocol", {"transport_protocol": "tls"}, {"tls": True}),
    ("application_protocols", {"application_protocols": ["h2"]}, {"protocols": ["h2"]}),
    ("direct_source_prefix_ranges", {"direct_source_prefix_ranges": [{"address_prefix": "127.0.0.9", "prefix_len": 32}]},
     {"source": "127.0.0.9"}),
    ("source_type", {"source_type": "SAME_IP_OR_LOOPBACK"}, {"remote": "127.1.2.3"}),
    ("source_prefix_ranges", {"source_prefix_ranges": [{"address_prefix": "127.1.0.0", "prefix_len": 16}]},
     {"remote": "127.1.2.3"}),
    ("source_ports", {"source_ports": [4444]}, {"remote_port": 4444}),
]


def connect(port, **how):
    source = how.pop("source", "127.0.0.1")
    server_name, protocols, tls = how.pop("server_name", None), how.pop("protocols", ()), how.pop("tls", False)
    then = client_hello(server_name, protocols) if server_name or protocols or tls else b"plain"
    return talk(port, proxied(**how, then=then), source)


def test_each_criterion_outranks_all_that_come_after_it(baton):
    pairs = list(itertools.combinations(LEVELS, 2))
    listeners = [chooser(f"{first[0]}-{second[0]}", [chain("second", **second[1]), chain("first", **first[1])])
                 for first, second in pairs]
    process = baton(bootstrap(listeners))
    for first, second in pairs:
        port = process.port(f"{first[0]}-{second[0]}")
        label = f"{first[0]} before {second[0]}"
        assert connect(port, **{**second[2], **first[2]}) == "first", label
        # A name or a protocol is only known of TLS, and a local client may be one with a local source address.
        implied = first[0] == "transport_protocol" and second[0] == "application_protocols" \
            or first[0] == "source_type" and second[0] == "source_prefix_ranges"
        if not implied:
            assert connect(port, **second[2]) == "second", label
    assert connect(process.port("destination_port-prefix_ranges")) == ""
    assert process.stat("listener.destination_port-prefix_ranges.no_filter_chain_match") == 1


def test_a_chain_chosen_by_an_earlier_criterion_is_not_left_for_a_better_match_elsewhere(baton):
    chains = [chain("port", destination_port=444, server_names=["a.example.com"]), chain("name", server_names=["b.example.com"])]
    process = baton(bootstrap([chooser("web", chains), chooser("default", chains, default_filter_chain={
        "name": "default", "filters": [answers("default")]})]))
    assert connect(process.port("web"), local_port=444, server_name="a.example.com") == "port"
    assert connect(process.port("web"), local_port=445, server_name="b.example.com") == "name"
    assert connect(process.port("web"), local_port=444, server_name="b.example.com") == ""
    assert process.stat("listener.web.no_filter_chain_match") == 1
    assert connect(process.port("default"), local_port=444, server_name="b.example.com") == "default"
    assert process.stat("listener.default.no_filter_chain_match") == 0


def test_server_names_match_exactly_then_by_the_longest_wildcard(baton):
    process = baton(bootstrap([chooser("web", [
        chain("exact", server_names=["www.example.com"]),
        chain("long", server_names=["*.deep.example.com", "*.b.example.com"]),
        chain("short", server_names=["*.example.com"]),
        chain("com", server_names=["*.com"]),
        chain("none")])]))
    port = process.port("web")
    for name, expected in [("www.example.com", "exact"), ("WWW.Example.COM", "exact"), ("x.example.com", "short"),
                           ("x.y.example.com", "short"), ("x.deep.example.com", "long"), ("a.b.example.com", "long"),
                           ("deep.example.com", "short"), ("example.com", "com"), ("example.org", "none"), (None, "none")]:
        assert connect(port, server_name=name, tls=True) == expected, name
    assert connect(port) == "none"


def test_the_most_specific_address_range_wins(baton):
    def within(prefix, length):
        return {"address_prefix": prefix, "prefix_len": length}

    process = baton(bootstrap([
        chooser("destination", [chain("8", prefix_ranges=[within("10.0.0.0", 8)]), chain("32", prefix_ranges=[within("10.1.1.1", 32)]),
                                chain("16", prefix_ranges=[within("10.1.0.0", 16), within("2001:db8::", 32)]),
                                chain("48", prefix_ranges=[within("2001:db8:1::", 48)]), chain("any")]),
        chooser("source", [chain("8", source_prefix_ranges=[within("10.0.0.0", 8)]),
                           chain("16", source_prefix_ranges=[within("10.1.0.0", 16)]),
                           chain("48", source_prefix_ranges=[within("2001:db8:1::", 48)])])]))
    for local, expected in [("10.1.1.1", "32"), ("10.1.1.2", "16"), ("10.2.0.0", "8"), ("11.0.0.0", "any")]:
        assert connect(process.port("destination"), local=local) == expected, local
    for local, expected in [("2001:db8:1::1", "48"), ("2001:db8:2::1", "16"), ("2001:db9::1", "any")]:
        assert connect(process.port("destination"), remote="2001:db8::9", local=local) == expected, local
    for remote, expected in [("10.1.1.1", "16"), ("10.2.0.0", "8"), ("12.0.0.0", "")]:
        assert connect(process.port("source"), remote=remote) == expected, remote
    assert connect(process.port("source"), remote="2001:db8:1::1", local="::1") == "48"


def test_source_type_tells_local_from_external_clients(baton):
    process = baton(bootstrap([chooser("web", [chain("local", source_type="SAME_IP_OR_LOOPBACK"),
                                               chain("external", source_type="EXTERNAL")])]))
    port = process.port("web")
    assert connect(port, remote="127.9.9.9") == "local"
    assert connect(port, remote="8.8.8.8", local="8.8.8.8") == "local"
    assert connect(port, remote="8.8.8.9", local="8.8.8.8") == "external"
    assert connect(port, remote="::1", local="2001:db8::1") == "local"


def test_the_first_of_the_clients_protocols_that_a_chain_names_wins(baton):
    process = baton(bootstrap([chooser("web", [chain("h2", application_protocols=["h2", "h2-14"]),
                                               chain("h1", application_protocols=["http/1.1"]),
                                               chain("raw", transport_protocol="raw_buffer"), chain("tls")])]))
    port = process.port("web")
    for protocols, expected in [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h1"), (["x", "h2-14"], "h2"), (["x"], "tls")]:
        assert connect(port, protocols=protocols) == expected, protocols
    assert connect(port, tls=True) == "tls"
    assert connect(port) == "raw"


@pytest.mark.parametrize("first, second, what", [
    ({}, {}, "same matching rules"),
    ({"server_names": ["A.com", "b.com"]}, {"server_names": ["a.com"]}, "same matching rules"),
    ({"destination_port": 1}, {"destination_port": 1}, "same matching rules"),
    ({"prefix_ranges": [{"address_prefix": "10.0.0.1", "prefix_len": 8}]},
     {"prefix_ranges": [{"address_prefix": "10.9.9.9", "prefix_len": 8}]}, "same matching rules"),
    ({"server_names": ["w*.com"]}, {}, "partial wildcards"),
    ({"server_names": ["a.*.com"]}, {}, "partial wildcards"),
])
def test_chains_that_cannot_be_told_apart_are_refused_at_load(baton, first, second, what):
    process = baton(bootstrap([chooser("web", [chain("one", **first), chain("two", **second)])]), wait=False)
    assert process.wait_ended() == 1
    assert what in process.output() and "'one'" in process.output()
    assert ".yaml:" in process.output()


# --- tls_inspector ---

@pytest.fixture
def tls_upstream(certificate, tcp_server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.sendall(b"TLS:" + secured.recv(1000))

    return tcp_server(serve)


def passing(name, upstream, inspector=TLS_INSPECTOR, **fields):
    return {"name": name, "stat_prefix": name, "address": address(0), "listener_filters": [inspector], **fields, "filter_chains": [
        {"name": "tls", "filter_chain_match": {"transport_protocol": "tls", "server_names": ["a.example.com"]},
         "filters": [tcp_filter("secure")]}, {"name": "plain", "filters": [ECHO]}]}


def test_an_inspected_hello_reaches_a_tls_upstream_whole_however_it_is_cut(baton, tls_upstream):
    process = baton(bootstrap([passing("web", tls_upstream)], [cluster("secure", tls_upstream)]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for piece in (1, 7, 100_000):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="a.example.com")
        with socket.create_connection(("127.0.0.1", process.port("web")), timeout=DEADLINE) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def step(operation):
                while True:
                    try:
                        return operation()
                    except ssl.SSLWantReadError:
                        exchange()
                        incoming.write(client.recv(65536))

            def exchange():
                data = outgoing.read()
                for start in range(0, len(data), piece):
                    client.sendall(data[start:start + piece])

            step(session.do_handshake)
            session.write(b"hello")
            exchange()
            assert step(lambda: session.read(100)) == b"TLS:hello"
    stats = process.stats("tls_inspector.")
    assert stats["tls_inspector.tls_found"] == 3 and stats["tls_inspector.sni_found"] == 3


def test_what_is_no_hello_goes_on_as_plain_text(baton, tls_upstream):
    process = baton(bootstrap([passing("web", tls_upstream)], [cluster("secure", tls_upstream)]))
    hello = client_hello("a.example.com")
    garbage = [b"GET / HTTP/1.1\r\n\r\n", b"\0", b"\x16\x04\x01\x00\x05hello", b"\x16\x03\x01\x00\x00hello",
               b"\x17" + hello[1:], hello[:5] + b"\x02" + hello[6:], b"\x15\x03\x01\x00\x02\x01\x00", b"\x80\x2e\x01\x03\x01" + b"\0" * 50,
               b"\xff" * 3000]
    for case in garbage:
        assert talk(process.port("web"), case, end=True) == case.decode("latin-1"), case[:20]
    assert process.stat("tls_inspector.tls_not_found") == len(garbage)
    # A client that says nothing but goodbye.
    assert talk(process.port("web"), b"", end=True) == ""
    wait_for(lambda: process.stat("listener.web.downstream_pre_cx_active") == 0, "pending connections to end")


def test_a_hello_that_ends_in_the_middle_does_not_hold_its_connection(baton, tls_upstream):
    process = baton(bootstrap([passing("web", tls_upstream)], [cluster("secure", tls_upstream)]))
    for cut in (1, 5, 6, 100):
        assert talk(process.port("web"), client_hello("a.example.com")[:cut], end=True) == ""
    wait_for(lambda: process.stat("listener.web.downstream_pre_cx_active") == 0, "pending connections to end")
    assert process.stat("listener.web.downstream_pre_cx_timeout") == 0


def test_an_oversized_hello_is_closed_and_counted(baton, tls_upstream):
    small = {"name": "tls", "typed_config": {"@type": FILTERS + "tls_inspector.v3.TlsInspector", "max_client_hello_size": 300}}
    process = baton(bootstrap([passing("web", tls_upstream), passing("small", tls_upstream, small)],
                              [cluster("secure", tls_upstream)]))
    # A hello may fill several records. This one claims 60,000 bytes.
    body = b"\x01\x00\xea\x60" + b"\x03\x03" + b"r" * 32 + b"\0" * 16_344
    assert talk(process.port("web"), b"\x16\x03\x01" + struct.pack(">H", len(body)) + body + b"\x16\x03\x01\x40\x00" + b"\0" * 16_384) == ""
    assert process.stat("tls_inspector.client_hello_too_large") == 1
    assert talk(process.port("small"), client_hello("a" * 60 + ".example.com", ["p" * 200])) == ""
    assert process.stat("tls_inspector.client_hello_too_large") == 2
    wait_for(lambda: process.stat("listener.web.downstream_pre_cx_active") == 0, "pending connections to end")


# --- timeouts ---

def test_a_silent_client_is_closed_after_the_timeout_of_listener_filters(baton, tls_upstream):
    process = baton(bootstrap([passing("closes", tls_upstream, listener_filters_timeout="0.2s"),
                               passing("goes_on", tls_upstream, listener_filters_timeout="0.2s",
                                       continue_on_listener_filters_timeout=True),
                               passing("waits", tls_upstream, listener_filters_timeout="0s")], [cluster("secure", tls_upstream)]))
    half = client_hello("a.example.com")[:50]
    waiting = socket.create_connection(("127.0.0.1", process.port("waits")), timeout=DEADLINE)
    waiting.sendall(half)
    assert talk(process.port("closes"), half) == ""
    assert process.stat("listener.closes.downstream_pre_cx_timeout") == 1
    with socket.create_connection(("127.0.0.1", process.port("goes_on")), timeout=DEADLINE) as client:
        client.sendall(half)
        wait_for(lambda: process.stat("listener.goes_on.downstream_pre_cx_timeout") == 1, "the timeout")
        # What was peeked at is still there.
        received = b""
        while len(received) < len(half):
            received += client.recv(100)
        assert received == half
    assert process.stat("listener.waits.downstream_pre_cx_active") == 1
    waiting.close()
    wait_for(lambda: process.stat("listener.waits.downstream_pre_cx_active") == 0, "the pending connection to end")


# --- http_inspector ---

def test_http_inspector_tells_protocols_of_plain_text_apart(baton):
    process = baton(bootstrap([chooser("web", [
        chain("h1", application_protocols=["http/1.1"]), chain("h10", application_protocols=["http/1.0"]),
        chain("h2", application_protocols=["h2c"]), chain("tls", transport_protocol="tls"), chain("other")],
        filters=(TLS_INSPECTOR, HTTP_INSPECTOR))]))
    port = process.port("web")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for data, expected in [(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "h1"), (b"GET / HTTP/1.0\r\n\r\n", "h10"), (preface, "h2"),
                           (b"SSH-2.0-x\r\n", "other"), (b"GET / HTTP/9.9\r\n", "other"), (b"\x01\x02\x03\r\n", "other"),
                           (client_hello(), "tls")]:
        assert talk(port, data) == expected, data[:20]
    stats = process.stats("http_inspector.")
    assert [stats[f"http_inspector.{name}"] for name in ("http11_found", "http10_found", "http2_found", "http_not_found")] == [1, 1, 1, 3]
    # In pieces.
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
        for byte in preface:
            client.sendall(bytes([byte]))
        assert client.recv(100) == b"h2"


# --- proxy_protocol ---

def v2(command=0x21, family=0x11, body=None, length=None, tlvs=b""):
    if body is None:
        body = socket.inet_aton("1.2.3.4") + socket.inet_aton("5.6.7.8") + struct.pack(">HH", 1111, 2222)
    body += tlvs
    return V2 + bytes([command, family]) + struct.pack(">H", len(body) if length is None else length) + body


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


V6_BODY = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "2001:db8::2") + struct.pack(">HH", 3, 4)


def proxy_process(baton, tmp_path, text="%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
                  "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%\n", **fields):
    log = tmp_path / "access.log"
    filters = [{"name": "proxy", "typed_config": {"@type": FILTERS + "proxy_protocol.v3.ProxyProtocol", **fields}}]
    one = {**listener("web", ECHO), "stat_prefix": "web", "listener_filters": filters, "access_log": [{
        "name": "file", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": str(log),
            "log_format": {"text_format_source": {"inline_string":
                           text}}}}]}
    process = baton(bootstrap([one]))
    return process, process.port("web"), log


AUTHORITY = {"tlv_type": 2, "on_tlv_present": {"key": "authority"}}
LINK = {"tlv_type": 0xEA, "on_tlv_present": {"metadata_namespace": "aws", "key": "link"}}


def test_tlvs_become_metadata_of_the_connection(baton, tmp_path):
    text = ("%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:authority)% %DYNAMIC_METADATA(aws:link)% "
            "%METADATA(DYNAMIC:aws)%\n")
    process, port, log = proxy_process(baton, tmp_path, text, rules=[AUTHORITY, LINK, {"tlv_type": 4}])
    for tlvs in (tlv(1, b"h2") + tlv(2, b"name.example") + tlv(0xEA, b'a"b\xff\xc3\xa9'), tlv(4, b"zero"),
                 tlv(2, b"first") + tlv(2, b"last"), tlv(2, b"a\nforged"), tlv(2, b"\xff" * 60000)):
        assert talk(port, v2(tlvs=tlvs) + b"payload", end=True) == "payload"
        wait_for(lambda: process.stat("listener.web.downstream_cx_active") == 0, "the connection to end")
    process.end()
    assert log.read_text(encoding="utf-8").splitlines() == [
        'name.example a"b!\u00e9 {"link":"a\\"b!\u00e9"}', "- - -", "last - -", r"a\nforged - -", "!" * 60000 + " - -"]


def test_requests_have_the_metadata_of_their_connection(baton):
    page = [{"match": {"prefix": "/"}, "direct_response": {"status": 200}, "response_headers_to_add": [{"header": {
        "key": "x-authority", "value": "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:authority)%"}}]}]
    inspector = {"name": "proxy", "typed_config": {"@type": FILTERS + "proxy_protocol.v3.ProxyProtocol",
                                                   "rules": [AUTHORITY]}}
    process = baton(bootstrap([{**listener("web", http_filter(page)), "listener_filters": [inspector]}]))
    line = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    assert b"\r\nx-authority: name.example\r\n" in raw(process.port("web"), v2(tlvs=tlv(2, b"name.example")) + line)
    assert b"x-authority" not in raw(process.port("web"), v2() + line)
    # What a client sends can't become another header.
    assert b"\r\nx-b" not in raw(process.port("web"), v2(tlvs=tlv(2, b"a\r\nx-b: c")) + line)


@pytest.mark.parametrize("header, expected", [
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n", "1.2.3.4:1111 5.6.7.8:2222"),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 3 4\r\n", "[2001:db8::1]:3 [2001:db8::2]:4"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN and whatever 1 2\r\n", None),
    (v2(), "1.2.3.4:1111 5.6.7.8:2222"),
    (v2(family=0x21, body=V6_BODY), "[2001:db8::1]:3 [2001:db8::2]:4"),
    (v2(command=0x20), None),
    (v2(command=0x20, family=0, body=b""), None),
    (v2(family=0, body=b"ignored"), None),
    (v2(family=0x31, body=b"/a".ljust(108, b"\0") + b"/b".ljust(108, b"\0")), None),
    (v2(tlvs=tlv(1, b"h2") + tlv(2, b"name.example") + tlv(4, b"") + tlv(0xEA, b"x" * 3000)), "1.2.3.4:1111 5.6.7.8:2222"),
], ids=["v1-4", "v1-6", "v1-unknown", "v1-unknown-more", "v2-4", "v2-6", "v2-local", "v2-local-bare", "v2-unspec", "v2-unix", "v2-tlvs"])
def test_proxy_headers_give_the_addresses_and_leave_the_stream_alone(baton, tmp_path, header, expected):
    process, port, log = proxy_process(baton, tmp_path)
    # With the stream in one piece, and byte by byte with an end after it.
    assert talk(port, header + b"payload", end=True) == "payload"
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for position in range(min(len(header), 60)):
            client.sendall(header[position:position + 1])
        client.sendall(header[60:] + b"payload")
        assert client.recv(100) == b"payload"
    version = 1 if header.startswith(b"PROXY") else 2
    assert process.stat(f"proxy_proto.versions.v{version}.found") == 2
    wait_for(lambda: process.stat("listener.web.downstream_cx_active") == 0, "the connections to end")
    process.end()
    lines = log.read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        remote, local, direct = line.split()
        assert direct == "127.0.0.1"
        if expected:
            assert f"{remote} {local}" == expected
        else:
            assert remote.startswith("127.0.0.1:") and local == f"127.0.0.1:{port}"


MALFORMED = {
    "v1 without addresses": b"PROXY TCP4\r\n", "v1 with one address": b"PROXY TCP4 1.2.3.4\r\n",
    "v1 too few fields": b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "v1 too many fields": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
    "v1 family": b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "v1 case": b"PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
    "v1 v6 in TCP4": b"PROXY TCP4 ::1 ::1 1 2\r\n", "v1 v4 in TCP6": b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
    "v1 mixed": b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "v1 port": b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
    "v1 port sign": b"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", "v1 port text": b"PROXY TCP4 1.2.3.4 5.6.7.8 a 2\r\n",
    "v1 port zeros": b"PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n", "v1 octet": b"PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n",
    "v1 short": b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "v1 two spaces": b"PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
    "v1 tab": b"PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n", "v1 bare LF": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" + b"x" * 100,
    "v1 too long": b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n", "v1 endless": b"PROXY TCP4 " + b"1" * 200,
    "v1 host name": b"PROXY TCP4 localhost localhost 1 2\r\n", "v1 NUL": b"PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n",
    "v2 version": v2(command=0x11), "v2 version 3": v2(command=0x31), "v2 command": v2(command=0x22),
    "v2 datagram": v2(family=0x12), "v2 family": v2(family=0x41), "v2 short address": v2(body=b"12345678901"),
    "v2 short v6": v2(family=0x21), "v2 short unix": v2(family=0x31, body=b"x" * 215),
    "v2 cut TLV header": v2(tlvs=b"\1\0"), "v2 TLV beyond the end": v2(tlvs=b"\1\0\5abcd"),
    "no header": b"GET / HTTP/1.1\r\n\r\n", "v2 signature": V2[:11] + b"X" + v2()[12:],
}


def test_every_malformed_proxy_header_closes_the_connection(baton, tmp_path):
    process, port, _ = proxy_process(baton, tmp_path)
    for name, header in MALFORMED.items():
        assert talk(port, header + b"payload", end=name in ("v1 endless",)) == "", name
    stats = process.stats("proxy_proto.")
    assert stats["proxy_proto.versions.v1.error"] + stats["proxy_proto.versions.v2.error"] + \
        stats["proxy_proto.not_found_disallowed"] == len(MALFORMED)
    assert stats["proxy_proto.not_found_disallowed"] == 3  # no header, v2 signature, v1 tab
    wait_for(lambda: process.stat("listener.web.downstream_listener_filter_error") == len(MALFORMED), "the last to be counted")
    # Cut short by the client's end.
    for cut in (1, 5, 20):
        assert talk(port, b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"[:cut], end=True) == ""
        assert talk(port, v2()[:cut], end=True) == ""
    wait_for(lambda: process.stat("listener.web.downstream_pre_cx_active") == 0, "pending connections to end")
    assert talk(port, v2() + b"still works", end=True) == "still works"


def test_clients_without_a_header_are_served_where_that_is_allowed(baton, tmp_path):
    process, port, _ = proxy_process(baton, tmp_path, allow_requests_without_proxy_protocol=True)
    for data in (b"hello", b"PROXX", b"PRx", b"\r\n\r\nhello", b"\r\n\r\n\0\r\nQUIX"):
        assert talk(port, data, end=True) == data.decode("latin-1"), data
    assert talk(port, v2() + b"with", end=True) == "with"
    assert process.stat("proxy_proto.versions.v2.found") == 1
    assert process.stat("proxy_proto.not_found_allowed") == 5
    # What begins as a header has to be one.
    assert talk(port, b"PROXY TCP4 nonsense\r\n") == ""


def test_a_disallowed_version_is_closed(baton, tmp_path):
    process, port, _ = proxy_process(baton, tmp_path, disallowed_versions=["V1"])
    assert talk(port, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nx", end=True) == ""
    assert talk(port, v2() + b"x", end=True) == "x"
    assert process.stat("proxy_proto.versions.v1.disallowed") == 1


# --- original_dst ---

def in_network_namespace(body):
    """Runs it in a thread that has a network of its own, and so have the processes that it starts."""
    outcome = []

    def run():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x40000000) != 0:  # CLONE_NEWNET
            outcome.append(f"no network namespace: {os.strerror(ctypes.get_errno())}")
            return
        try:
            body()
            outcome.append(None)
        except BaseException as error:  # to be raised where pytest sees it
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (result,) = outcome
    if isinstance(result, str):
        pytest.skip(result)
    if result is not None:
        raise result


@pytest.mark.parametrize("family, host, elsewhere", [("ip", "127.0.0.1", "127.9.9.9"), ("ip6", "::1", "::1")])
def test_original_dst_finds_where_a_redirected_connection_wanted_to_go(baton, family, host, elsewhere):
    original = {"name": "original", "typed_config": {"@type": FILTERS + "original_dst.v3.OriginalDst"}}

    def body():
        def run(*command):
            subprocess.run(command, check=True, capture_output=True)

        run("ip", "link", "set", "lo", "up")
        process = baton(bootstrap([{**chooser("web", [chain("redirected", destination_port=4444), chain("direct")], filters=[original]),
                                    "address": address(0, host)}]))
        port = process.port("web")
        run("nft", "add", "table", family, "t")
        run("nft", f"add chain {family} t out {{ type nat hook output priority -100; }}")
        run("nft", f"add rule {family} t out tcp dport 4444 redirect to :{port}")
        for target, expected in [((elsewhere, 4444), b"redirected"), ((host, port), b"direct")]:
            with socket.create_connection(target, timeout=DEADLINE) as client:
                assert client.recv(100) == expected
        process.end()

    in_network_namespace(body)
