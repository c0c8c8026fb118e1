"""TLS towards clients: what is offered, who is let in and what is told about it, with Python's ssl, openssl and curl."""
import contextlib
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import urllib.parse

import pytest

from conftest import (BINARY, DEADLINE, Baton, ThreadingServer, bootstrap, cluster, forward_all, http_filter, listener, raw,
                      tcp_filter, wait_for)
from pki import Authority, openssl

REFUSED = (ssl.SSLError, ConnectionError)
TELLS = ["REQUESTED_SERVER_NAME", "DOWNSTREAM_TLS_VERSION", "DOWNSTREAM_TLS_CIPHER", "DOWNSTREAM_TLS_SESSION_ID",
         "DOWNSTREAM_LOCAL_SUBJECT", "DOWNSTREAM_LOCAL_URI_SAN", "DOWNSTREAM_LOCAL_DNS_SAN", "DOWNSTREAM_LOCAL_IP_SAN",
         "DOWNSTREAM_PEER_SUBJECT", "DOWNSTREAM_PEER_ISSUER", "DOWNSTREAM_PEER_SERIAL", "DOWNSTREAM_PEER_FINGERPRINT_256",
         "DOWNSTREAM_PEER_FINGERPRINT_1", "DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_PEER_DNS_SAN", "DOWNSTREAM_PEER_IP_SAN",
         "DOWNSTREAM_PEER_CERT", "DOWNSTREAM_PEER_CERT_V_START", "DOWNSTREAM_PEER_CERT_V_END"]
# Answers at once, with what is known of the connection in its headers.
TELLING = [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "hello"}},
            "response_headers_to_add": [{"header": {"key": name, "value": f"%{name}%"}} for name in TELLS]}]
ACCESS_LOG = "envoy.extensions.access_loggers.file.v3.FileAccessLog"


def shown(certificate, **fields):
    """A certificate as a configuration names it."""
    return {"certificate_chain": {"filename": certificate.chain}, "private_key": {"filename": certificate.key}, **fields}


class Edge:
    """One process with a listener for each TLS context that is tried, and the certificates of the tests."""

    def __init__(self, folder):
        self.folder = folder
        self.upstream = ThreadingServer()
        self.make_certificates(folder)
        self.listeners = []
        self.add_listeners()
        os.environ["BATON_TEST_CHAIN"], os.environ["BATON_TEST_KEY"] = self.server.pem, self.server.key_pem
        self.process = Baton(folder, bootstrap(self.listeners, [cluster("echo", self.upstream.server_address[1])]),
                             "--file-flush-interval-msec", 10)
        del os.environ["BATON_TEST_CHAIN"], os.environ["BATON_TEST_KEY"]
        self.process.wait_ready()
        statuses = json.loads(self.process.admin("/listeners?format=json"))["listener_statuses"]
        self.ports = {one["name"]: one["local_address"]["socket_address"]["port_value"] for one in statuses}

    def make_certificates(self, folder):
        self.root = Authority(folder, "root")
        self.middle = Authority(folder, "middle", self.root)
        self.stranger = Authority(folder, "stranger")
        issue = self.root.issue
        self.server = issue("localhost", "DNS:localhost", "IP:127.0.0.1", "URI:spiffe://test/edge", "URI:spiffe://test/edge2")
        self.server_rsa = issue("localhost", "DNS:localhost", key="rsa")
        self.wild = issue("wild", "DNS:*.wild.example")
        self.exact = issue("exact", "DNS:www.wild.example", "DNS:Other.Example")
        self.chained = self.middle.issue("chained", "DNS:chained.example", with_issuer=True)
        self.must_staple = issue("must-staple", "DNS:localhost", extra="tlsfeature=status_request\n")
        self.client = issue("client", "DNS:client.example", "DNS:c2.example", "URI:spiffe://test/client", "IP:10.1.2.3",
                            "email:who@client.example", key="rsa")
        self.client_wild = issue("wildclient", "DNS:*.clients.example")
        self.other = issue("other", "DNS:other.example", "URI:spiffe://test/other")
        self.nameless = issue("nameless")
        self.tricky = issue("tricky", extra="subjectAltName=@names\n[names]\nURI=spiffe://test/a;Hash=0,By=me\n")
        self.expired = issue("expired", "DNS:client.example", days=-1)
        self.unknown = self.stranger.issue("client", "DNS:client.example", "URI:spiffe://test/client")
        self.deep = self.middle.issue("deep", "DNS:client.example", with_issuer=True)
        self.self_signed = Authority(folder, "selfsigned")

    def add(self, name, certificates=None, filters=None, routes=TELLING, listener_fields=None, chain_fields=None, context=None,
            **common):
        certificates = [shown(self.server)] if certificates is None else certificates
        made = listener(name, filters or http_filter(routes, **(listener_fields or {})),
                        tls={"tls_certificates": certificates, **common}, stat_prefix=name)
        made["filter_chains"][0]["transport_socket"]["typed_config"].update(context or {})
        made["filter_chains"][0].update(chain_fields or {})
        self.listeners.append(made)

    def add_mutual(self, name, validation, required=True, **fields):
        ca = {} if "trusted_ca" in validation else {"trusted_ca": {"filename": self.root.chain}}
        if validation.get("trusted_ca", 0) is None:
            validation = {key: value for key, value in validation.items() if key != "trusted_ca"}
        self.add(name, context={"require_client_certificate": required}, validation_context={**ca, **validation}, **fields)

    def add_listeners(self):
        self.add("plain")
        self.add("both-keys", [shown(self.server_rsa), shown(self.server)])
        names = [shown(self.server), shown(self.wild), shown(self.exact), shown(self.chained), shown(self.server_rsa)]
        self.add("names", names)
        self.add("names-scan", [shown(self.server), shown(self.server_rsa), shown(self.wild)],
                 context={"full_scan_certs_on_sni_mismatch": True})
        self.add("names-first", [shown(self.server), shown(self.server_rsa), shown(self.wild)])
        self.add("alpn", alpn_protocols=["h2", "http/1.1"])
        self.add("alpn-commas", alpn_protocols=["http/1.1,h2"])
        for low, high in [("TLSv1_0", "TLSv1_1"), ("TLSv1_2", "TLSv1_2"), ("TLSv1_3", "TLSv1_3"), ("TLSv1_1", "TLSv1_3")]:
            self.add(f"{low}-{high}", tls_params={"tls_minimum_protocol_version": low, "tls_maximum_protocol_version": high})
        self.add("ciphers", tls_params={"cipher_suites": ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]})
        self.add("cipher-group", tls_params={"cipher_suites": ["[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]"]})
        self.add("cipher-client", tls_params={"cipher_suites": ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"]},
                 context={"prefer_client_ciphers": True})
        self.add("curves", tls_params={"ecdh_curves": ["P-384"]})
        self.add("sigalgs", [shown(self.server_rsa)], tls_params={"signature_algorithms": ["rsa_pss_rsae_sha384"]})
        self.add("env", [{"certificate_chain": {"environment_variable": "BATON_TEST_CHAIN"},
                          "private_key": {"environment_variable": "BATON_TEST_KEY"}}])
        self.add("inline", [{"certificate_chain": {"inline_string": self.server.pem},
                             "private_key": {"inline_string": self.server.key_pem}}])
        locked = self.folder / "locked.key"
        openssl("pkcs8", "-topk8", "-in", self.server.key, "-out", locked, "-passout", "pass:open sesame", "-v2", "aes-256-cbc")
        self.add("password", [{"certificate_chain": {"filename": self.server.chain}, "private_key": {"filename": str(locked)},
                               "password": {"inline_string": "open sesame"}}])
        self.add_client_certificate_listeners()
        self.add_session_listeners()
        self.add("staple", [shown(self.server, ocsp_staple={"filename": self.root.staple(self.server)})])
        self.add("must-staple", [shown(self.must_staple, ocsp_staple={"filename": self.root.staple(self.must_staple)})],
                 context={"ocsp_staple_policy": "MUST_STAPLE"})
        self.add("impatient", chain_fields={"transport_socket_connect_timeout": "0.3s"})
        self.add("tcp", filters=tcp_filter("echo"))
        self.key_log = self.folder / "keys.txt"
        self.foreign_key_log = self.folder / "foreign-keys.txt"
        self.add("key-log", key_log={"path": str(self.key_log), "local_address_range": [
            {"address_prefix": "127.0.0.0", "prefix_len": 8}]})
        self.add("foreign-key-log", key_log={"path": str(self.foreign_key_log), "remote_address_range": [
            {"address_prefix": "10.0.0.0", "prefix_len": 8}]})
        self.connection_log = self.folder / "connections.log"
        self.add("logged")
        self.listeners[-1]["access_log"] = [{"name": "file", "typed_config": {
            "@type": f"type.googleapis.com/{ACCESS_LOG}", "path": str(self.connection_log),
            "log_format": {"text_format_source": {"inline_string": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%\n"}}}}]

    def add_client_certificate_listeners(self):
        self.add_mutual("mutual", {})
        self.add_mutual("optional", {}, required=False)
        self.add_mutual("untrusted", {"trust_chain_verification": "ACCEPT_UNTRUSTED"})
        self.add_mutual("expired-ok", {"allow_expired_certificate": True})
        self.add_mutual("crl", {"crl": {"filename": self.root.revocation_list(self.other)}})
        both = self.folder / "both-crls.pem"
        both.write_text(pathlib.Path(self.root.revocation_list(self.middle, self.other)).read_text() +
                        pathlib.Path(self.middle.revocation_list()).read_text())
        self.add_mutual("crl-chain", {"crl": {"filename": str(both)}})
        self.add_mutual("crl-leaf", {"crl": {"filename": str(both)}, "only_verify_leaf_cert_crl": True})
        self.add_mutual("hash", {"verify_certificate_hash": [self.client.sha256]})
        colons = ":".join(re.findall("..", self.client.sha256.upper()))
        self.add_mutual("hash-colons", {"verify_certificate_hash": ["00" * 32, colons]})
        self.add_mutual("hash-only", {"verify_certificate_hash": [self.unknown.sha256], "trusted_ca": None})
        self.add_mutual("spki", {"verify_certificate_spki": [self.client.public_key_pin]})
        self.add_mutual("spki-or-hash", {"verify_certificate_spki": [self.client.public_key_pin],
                                         "verify_certificate_hash": [self.other.sha256]})
        self.add_mutual("depth-0", {"max_verify_depth": 0})
        self.add_mutual("depth-1", {"max_verify_depth": 1})
        for number, (kind, matcher, *_) in enumerate(NAME_CASES):
            self.add_mutual(f"san-{number}", {"match_typed_subject_alt_names": [{"san_type": kind, "matcher": matcher}]})
        self.add_mutual("san-any", {"match_typed_subject_alt_names": [
            {"san_type": "DNS", "matcher": {"exact": "nobody.example"}}, {"san_type": "URI", "matcher": {"prefix": "spiffe://test/"}}]})
        self.add_mutual("san-old", {"match_subject_alt_names": [{"exact": "spiffe://test/client"}]})
        details = {"subject": True, "uri": True, "dns": True}
        for mode in ["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"]:
            self.add_mutual(f"xfcc-{mode}", {}, required=False, routes=forward_all("echo"), listener_fields={
                "forward_client_cert_details": mode, "set_current_client_cert_details": details})
        self.add_mutual("xfcc-certificates", {}, routes=forward_all("echo"), listener_fields={
            "forward_client_cert_details": "SANITIZE_SET", "set_current_client_cert_details": {"cert": True, "chain": True}})

    def add_session_listeners(self):
        self.new_key, self.old_key = self.folder / "new.key", self.folder / "old.key"
        self.new_key.write_bytes(os.urandom(80))
        self.old_key.write_bytes(os.urandom(80))

        def keys(*paths):
            return {"session_ticket_keys": {"keys": [{"filename": str(path)} for path in paths]}}

        self.add("sessions")
        self.add("keys-old", context=keys(self.old_key))
        self.add("keys-rotated", context=keys(self.new_key, self.old_key))
        self.add("keys-new", context=keys(self.new_key))
        self.add("no-tickets", context={"disable_stateless_session_resumption": True})
        self.add("no-sessions", context={"disable_stateless_session_resumption": True, "disable_stateful_session_resumption": True})
        self.add("short-sessions", context={"session_timeout": "7s"})

    def stat(self, name, what):
        return self.process.stat(f"listener.{name}.ssl.{what}")

    def connect(self, name, server_name="localhost", certificate=None, alpn=None, versions=None, ciphers=None, session=None,
                context=None):
        if context is None:
            context = client_context(certificate, alpn, versions, ciphers)
        plain = socket.create_connection(("127.0.0.1", self.ports[name]), timeout=DEADLINE)
        return context.wrap_socket(plain, server_hostname=server_name, session=session)

    def fetch(self, name, headers="", **options):
        """The answer to a request: its header fields, or an error that is one of REFUSED."""
        with self.connect(name, **options) as client:
            return exchange(client, headers)

    def s_client(self, name, *options, data=b"", check=False):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.ports[name]}", *map(str, options)],
                              input=data, capture_output=True, timeout=DEADLINE)
        assert not check or done.returncode == 0, done.stderr
        return done

    def end(self):
        self.process.end()
        self.upstream.end()


def client_context(certificate=None, alpn=None, versions=None, ciphers=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(*certificate.files)
    if alpn:
        context.set_alpn_protocols(alpn)
    if ciphers:
        context.set_ciphers(ciphers)
    if versions:
        context.minimum_version, context.maximum_version = versions
    return context


def exchange(client, headers=""):
    client.sendall(f"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n".encode())
    answer = b""
    while part := client.recv(65536):
        answer += part
    if not answer:
        raise ConnectionError("no answer")
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert " 200 " in lines[0] + " ", answer
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    return {**fields, "body": body.decode()}


V = ssl.TLSVersion

NAME_CASES = [  # kind, matcher, certificates that pass, certificates that do not
    ("DNS", {"exact": "client.example"}, ["client"], ["other", "nameless"]),
    ("DNS", {"exact": "CLIENT.example"}, ["client"], ["other"]),
    ("DNS", {"exact": "a.clients.example"}, ["client_wild"], ["client"]),
    ("DNS", {"exact": "a.b.clients.example"}, [], ["client_wild"]),
    ("DNS", {"exact": "c2.example"}, ["client"], ["client_wild"]),
    ("DNS", {"prefix": "client."}, ["client"], ["other"]),
    ("DNS", {"suffix": ".example"}, ["client", "other", "client_wild"], ["nameless"]),
    ("DNS", {"contains": "lient.ex"}, ["client"], ["other"]),
    ("DNS", {"safe_regex": {"regex": r"c[l-z]ient\.example"}}, ["client"], ["other"]),
    ("DNS", {"safe_regex": {"regex": "client"}}, [], ["client"]),
    ("DNS", {"safe_regex": {"regex": r"CLIENT\.EXAMPLE"}, "ignore_case": True}, [], ["client"]),
    ("URI", {"exact": "spiffe://test/client"}, ["client"], ["other", "nameless"]),
    ("URI", {"exact": "SPIFFE://TEST/CLIENT"}, [], ["client"]),
    ("URI", {"exact": "SPIFFE://TEST/CLIENT", "ignore_case": True}, ["client"], ["other"]),
    ("URI", {"prefix": "spiffe://test/"}, ["client", "other"], ["nameless", "client_wild"]),
    ("URI", {"exact": "client.example"}, [], ["client"]),
    ("IP_ADDRESS", {"exact": "10.1.2.3"}, ["client"], ["other"]),
    ("EMAIL", {"exact": "who@client.example"}, ["client"], ["other"]),
    ("EMAIL", {"suffix": "@client.example"}, ["client"], ["other"]),
]


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    started = Edge(tmp_path_factory.mktemp("tls"))
    yield started
    started.end()
    assert started.process.process.returncode == 0, started.process.output()[-3000:]


# Which certificate is shown.

@pytest.mark.parametrize("ciphers, expected", [("ECDHE-RSA-AES128-GCM-SHA256", "server_rsa"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "server")])
def test_the_certificate_is_one_that_the_client_can_verify(edge, ciphers, expected):
    with edge.connect("both-keys", versions=(V.TLSv1_2, V.TLSv1_2), ciphers=ciphers) as client:
        assert client.getpeercert(True) == getattr(edge, expected).der
        assert client.cipher()[0] == ciphers


@pytest.mark.parametrize("name, expected", [
    ("localhost", "server"), ("www.wild.example", "exact"), ("WWW.Wild.Example", "exact"), ("a.wild.example", "wild"),
    ("a.b.wild.example", "server"), ("wild.example", "server"), ("other.example", "exact"), ("chained.example", "chained"),
    ("unknown.example", "server"), (None, "server")])
def test_the_certificate_is_for_the_name_that_was_asked_for(edge, name, expected):
    with edge.connect("names", server_name=name) as client:
        assert client.getpeercert(True) == getattr(edge, expected).der
        assert exchange(client).get("requested_server_name") == (name and name.lower())


@pytest.mark.parametrize("name, works", [("names-scan", True), ("names-first", False)])
def test_a_full_scan_finds_a_certificate_for_a_client_without_a_known_name(edge, name, works):
    options = {"versions": (V.TLSv1_2, V.TLSv1_2), "ciphers": "ECDHE-RSA-AES128-GCM-SHA256"}
    edge.fetch(name, server_name=None, **options)
    if works:
        edge.fetch(name, server_name="unknown.example", **options)
    else:
        with pytest.raises(ssl.SSLError):
            edge.connect(name, server_name="unknown.example", **options)


def test_intermediates_are_sent_with_the_certificate(edge):
    context = ssl.create_default_context(cafile=edge.root.chain)
    with edge.connect("names", server_name="chained.example", context=context) as client:
        assert client.getpeercert()["subjectAltName"] == (("DNS", "chained.example"),)


# Versions, ciphers, curves, protocols.

@pytest.mark.parametrize("name, versions", [
    ("plain", ["TLSv1.2", "TLSv1.3"]), ("TLSv1_0-TLSv1_1", ["TLSv1", "TLSv1.1"]), ("TLSv1_2-TLSv1_2", ["TLSv1.2"]),
    ("TLSv1_3-TLSv1_3", ["TLSv1.3"]), ("TLSv1_1-TLSv1_3", ["TLSv1.1", "TLSv1.2", "TLSv1.3"])])
def test_only_the_versions_of_the_configuration_are_spoken(edge, name, versions):
    spoken = []
    for version in [V.TLSv1, V.TLSv1_1, V.TLSv1_2, V.TLSv1_3]:
        with contextlib.suppress(*REFUSED):
            answer = edge.fetch(name, versions=(version, version), ciphers="DEFAULT:@SECLEVEL=0")
            spoken.append(answer["downstream_tls_version"])
    assert spoken == versions


def test_nothing_weak_is_offered(edge):
    offered = set()
    for cipher in openssl("ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").decode().strip().split(":"):
        for name in ["plain", "both-keys"]:
            with contextlib.suppress(*REFUSED):
                with edge.connect(name, versions=(V.TLSv1_2, V.TLSv1_2), ciphers=f"{cipher}:@SECLEVEL=0") as client:
                    offered.add(client.cipher()[0])
    assert offered == {f"ECDHE-{key}-{cipher}" for key in ["ECDSA", "RSA"]
                       for cipher in ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"]}


@pytest.mark.parametrize("name, wish, expected", [
    ("ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", None), ("ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("cipher-group", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("cipher-group", "ECDHE-ECDSA-AES256-GCM-SHA384", None),
    ("cipher-client", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("plain", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256")])
def test_the_cipher_is_one_of_the_configuration(edge, name, wish, expected):
    options = {"versions": (V.TLSv1_2, V.TLSv1_2), "ciphers": wish}
    if expected is None:
        with pytest.raises(ssl.SSLError):
            edge.connect(name, **options)
    else:
        assert edge.fetch(name, **options)["downstream_tls_cipher"] == expected


@pytest.mark.parametrize("name, curve, works", [
    ("curves", "P-384", True), ("curves", "X25519", False), ("curves", "P-256", False),
    ("plain", "X25519", True), ("plain", "P-256", True), ("plain", "P-384", False)])
def test_the_curve_is_one_of_the_configuration(edge, name, curve, works):
    done = edge.s_client(name, "-curves", curve)
    assert (done.returncode == 0) == works, done.stderr
    if works:
        assert edge.stat(name, f"curves.{curve}") >= 1


def test_the_signature_is_one_of_the_configuration(edge):
    done = edge.s_client("sigalgs", check=True)
    assert b"Peer signing digest: SHA384" in done.stdout
    refused = edge.s_client("sigalgs", "-sigalgs", "rsa_pss_rsae_sha256")
    assert refused.returncode != 0


@pytest.mark.parametrize("name, offered, chosen", [
    ("alpn", ["http/1.1", "h2"], "h2"), ("alpn", ["http/1.1"], "http/1.1"), ("alpn", ["spdy/3"], None), ("alpn", None, None),
    ("alpn-commas", ["h2", "http/1.1"], "http/1.1"), ("plain", ["h2", "http/1.1"], None)])
def test_the_protocol_is_the_first_of_ours_that_the_client_offers(edge, name, offered, chosen):
    with edge.connect(name, alpn=offered) as client:
        assert client.selected_alpn_protocol() == chosen
        if chosen != "h2":
            assert exchange(client)["body"] == "hello"


# Who is let in.

def let_in(edge, name, certificate):
    """Whether a client with this certificate gets an answer in both versions of the protocol."""
    outcomes = []
    for version in [V.TLSv1_2, V.TLSv1_3]:
        try:
            edge.fetch(name, certificate=certificate and getattr(edge, certificate), versions=(version, version))
            outcomes.append(True)
        except REFUSED:
            outcomes.append(False)
    assert outcomes[0] == outcomes[1], outcomes
    return outcomes[0]


@pytest.mark.parametrize("name, certificate, accepted, stat", [
    ("mutual", "client", True, "handshake"),
    ("mutual", None, False, "fail_verify_no_cert"),
    ("mutual", "unknown", False, "fail_verify_error"),
    ("mutual", "expired", False, "fail_verify_error"),
    ("mutual", "self_signed", False, "fail_verify_error"),
    ("mutual", "deep", True, "handshake"),
    ("mutual", "nameless", True, "handshake"),
    ("optional", "client", True, "handshake"),
    ("optional", None, True, "no_certificate"),
    ("optional", "unknown", False, "fail_verify_error"),
    ("untrusted", "unknown", True, "handshake"),
    ("untrusted", "expired", True, "handshake"),
    ("untrusted", "self_signed", True, "handshake"),
    ("untrusted", None, False, "fail_verify_no_cert"),
    ("expired-ok", "expired", True, "handshake"),
    ("expired-ok", "unknown", False, "fail_verify_error"),
    ("crl", "client", True, "handshake"),
    ("crl", "other", False, "fail_verify_error"),
    ("crl-chain", "client", True, "handshake"),
    ("crl-chain", "deep", False, "fail_verify_error"),
    ("crl-leaf", "deep", True, "handshake"),
    ("crl-leaf", "other", False, "fail_verify_error"),
    ("hash", "client", True, "handshake"),
    ("hash", "other", False, "fail_verify_cert_hash"),
    ("hash-colons", "client", True, "handshake"),
    ("hash-only", "unknown", True, "handshake"),
    ("hash-only", "client", False, "fail_verify_cert_hash"),
    ("spki", "client", True, "handshake"),
    ("spki", "other", False, "fail_verify_cert_hash"),
    ("spki-or-hash", "client", True, "handshake"),
    ("spki-or-hash", "other", True, "handshake"),
    ("spki-or-hash", "client_wild", False, "fail_verify_cert_hash"),
    ("depth-0", "client", True, "handshake"),
    ("depth-0", "deep", False, "fail_verify_error"),
    ("depth-1", "deep", True, "handshake"),
    ("san-any", "other", True, "handshake"),
    ("san-any", "client_wild", False, "fail_verify_san"),
    ("san-old", "client", True, "handshake"),
    ("san-old", "other", False, "fail_verify_san"),
])
def test_a_client_certificate_is_judged_as_the_configuration_says(edge, name, certificate, accepted, stat):
    before = edge.stat(name, stat)
    handshakes = edge.stat(name, "handshake")
    assert let_in(edge, name, certificate) == accepted
    wait_for(lambda: edge.stat(name, stat) >= before + 2, f"{stat} to be counted")
    if not accepted:
        assert edge.stat(name, "handshake") == handshakes


@pytest.mark.parametrize("number", range(len(NAME_CASES)))
def test_names_of_clients_match_as_their_matchers_say(edge, number):
    _, _, good, bad = NAME_CASES[number]
    for certificate in good:
        assert let_in(edge, f"san-{number}", certificate), certificate
    for certificate in bad:
        assert not let_in(edge, f"san-{number}", certificate), certificate
    wait_for(lambda: edge.stat(f"san-{number}", "fail_verify_san") == 2 * len(bad), "the refused ones to be counted")


# Sessions.

@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
@pytest.mark.parametrize("first, second, resumed", [
    ("sessions", "sessions", True), ("keys-old", "keys-rotated", True), ("keys-rotated", "keys-old", False),
    ("keys-rotated", "keys-new", True), ("keys-old", "keys-new", False), ("no-tickets", "no-tickets", True),
    ("no-sessions", "no-sessions", False)])
def test_a_session_is_resumed_by_who_has_its_key(edge, first, second, resumed, version):
    context = client_context(versions=(version, version))
    with edge.connect(first, context=context) as client:
        exchange(client)
        session = client.session
    before = edge.stat(second, "session_reused")
    if session is None or not (session.has_ticket or session.id):
        assert not resumed
        return
    with edge.connect(second, context=context, session=session) as client:
        assert client.session_reused == resumed
        exchange(client)
    assert edge.stat(second, "session_reused") == before + (1 if resumed else 0)


def test_tickets_say_how_long_they_live(edge):
    with edge.connect("short-sessions", versions=(V.TLSv1_2, V.TLSv1_2)) as client:
        assert client.session.ticket_lifetime_hint == 7
    with edge.connect("no-tickets", versions=(V.TLSv1_2, V.TLSv1_2)) as client:
        assert not client.session.has_ticket and client.session.id


# Staples.

def test_a_staple_is_sent_to_who_asks_for_it(edge):
    for name in ["staple", "must-staple"]:
        assert b"Cert Status: good" in edge.s_client(name, "-status", check=True).stdout
        edge.s_client(name, check=True)
        assert edge.stat(name, "ocsp_staple_requests") == 1
        assert edge.stat(name, "ocsp_staple_responses") == 1
    assert b"OCSP response: no response sent" in edge.s_client("plain", "-status", check=True).stdout
    assert edge.stat("plain", "ocsp_staple_omitted") == 1


# Peers that misbehave.

def test_a_handshake_that_takes_too_long_is_ended(edge):
    with socket.create_connection(("127.0.0.1", edge.ports["impatient"]), timeout=DEADLINE) as silent:
        assert silent.recv(1) == b""
    assert edge.process.stat("listener.impatient.downstream_cx_transport_socket_connect_timeout") == 1
    assert edge.fetch("impatient")["body"] == "hello"


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 100,
                                     b"\x15\x03\x03\x00\x02\x02\x28", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
@pytest.mark.parametrize("name", ["plain", "tcp"])
def test_what_is_no_handshake_ends_the_connection(edge, name, garbage):
    before = edge.stat(name, "connection_error")
    with contextlib.suppress(ConnectionError):
        assert b"HTTP/1" not in raw(edge.ports[name], garbage)
    wait_for(lambda: edge.stat(name, "connection_error") == before + 1, "the error to be counted")
    assert edge.fetch(name)["body"]


def test_the_log_of_connections_says_why_a_handshake_failed(edge):
    with contextlib.suppress(ConnectionError):
        raw(edge.ports["logged"], b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    text = wait_for(lambda: edge.connection_log.exists() and edge.connection_log.read_text(), "the log")
    assert text.startswith("TLS_error:|") and "http_request" in text.replace(" ", "_").lower(), text


def test_renegotiation_is_refused(edge):
    done = edge.s_client("plain", "-tls1_2", data=b"R\n")
    assert b"RENEGOTIATING" in done.stdout + done.stderr
    assert b"no renegotiation" in done.stderr, done.stderr
    assert b"Secure Renegotiation IS supported" in done.stdout


def test_early_data_is_not_offered(edge):
    assert b"Max Early Data: 0" in edge.s_client(
        "plain", "-tls1_3", "-ign_eof", data=b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", check=True).stdout


# What is told about it.

def test_operators_tell_about_the_connection(edge):
    answer = edge.fetch("mutual", certificate=edge.client, versions=(V.TLSv1_2, V.TLSv1_2))
    told = {name: answer.get(name.lower()) for name in TELLS}
    session = told.pop("DOWNSTREAM_TLS_SESSION_ID")
    assert session is None or re.fullmatch("[0-9a-f]{64}", session)
    assert urllib.parse.unquote(told.pop("DOWNSTREAM_PEER_CERT")) == edge.client.pem
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", told.pop("DOWNSTREAM_PEER_CERT_V_START"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", told.pop("DOWNSTREAM_PEER_CERT_V_END"))
    assert told == {
        "REQUESTED_SERVER_NAME": "localhost", "DOWNSTREAM_TLS_VERSION": "TLSv1.2",
        "DOWNSTREAM_TLS_CIPHER": "ECDHE-ECDSA-AES128-GCM-SHA256",
        "DOWNSTREAM_LOCAL_SUBJECT": "CN=localhost,O=Baton Test",
        "DOWNSTREAM_LOCAL_URI_SAN": "spiffe://test/edge,spiffe://test/edge2",
        "DOWNSTREAM_LOCAL_DNS_SAN": "localhost", "DOWNSTREAM_LOCAL_IP_SAN": "127.0.0.1",
        "DOWNSTREAM_PEER_SUBJECT": "CN=client,O=Baton Test", "DOWNSTREAM_PEER_ISSUER": "CN=root",
        "DOWNSTREAM_PEER_SERIAL": edge.client.serial.lower(),
        "DOWNSTREAM_PEER_FINGERPRINT_256": edge.client.sha256, "DOWNSTREAM_PEER_FINGERPRINT_1": edge.client.sha1,
        "DOWNSTREAM_PEER_URI_SAN": "spiffe://test/client", "DOWNSTREAM_PEER_DNS_SAN": "client.example,c2.example",
        "DOWNSTREAM_PEER_IP_SAN": "10.1.2.3"}


def test_a_client_without_a_certificate_has_nothing_to_tell(edge):
    answer = edge.fetch("optional", server_name=None)
    assert [name for name in TELLS if "PEER" in name and name.lower() in answer] == []
    assert "requested_server_name" not in answer


XFCC_SENT = "By=spiffe://before;Hash=1"


@pytest.mark.parametrize("mode, certificate, expected", [
    ("SANITIZE", "client", None), ("SANITIZE", None, None),
    ("FORWARD_ONLY", "client", "{sent}"), ("FORWARD_ONLY", None, None),
    ("APPEND_FORWARD", "client", "{sent},{own}"), ("APPEND_FORWARD", None, None),
    ("SANITIZE_SET", "client", "{own}"), ("SANITIZE_SET", None, None),
    ("ALWAYS_FORWARD_ONLY", "client", "{sent}"), ("ALWAYS_FORWARD_ONLY", None, "{sent}")])
def test_the_client_certificate_is_forwarded_as_its_mode_says(edge, mode, certificate, expected):
    answer = edge.fetch(f"xfcc-{mode}", certificate=certificate and edge.client, headers=f"x-forwarded-client-cert: {XFCC_SENT}\r\n")
    seen = dict(json.loads(answer["body"])["headers"]).get("x-forwarded-client-cert")
    own = (f"By=spiffe://test/edge;By=spiffe://test/edge2;Hash={edge.client.sha256};Subject=\"CN=client,O=Baton Test\";"
           "URI=spiffe://test/client;DNS=client.example;DNS=c2.example")
    assert seen == (expected and expected.format(sent=XFCC_SENT, own=own))


def test_a_name_cannot_pass_for_another_part_of_the_forwarded_certificate(edge):
    answer = edge.fetch("xfcc-SANITIZE_SET", certificate=edge.tricky)
    seen = dict(json.loads(answer["body"])["headers"])["x-forwarded-client-cert"]
    assert seen.endswith(';URI="spiffe://test/a;Hash=0,By=me"')


def test_certificates_are_forwarded_in_percent_encoded_pem(edge):
    answer = edge.fetch("xfcc-certificates", certificate=edge.deep)
    seen = dict(json.loads(answer["body"])["headers"])["x-forwarded-client-cert"]
    parts = dict(part.split("=", 1) for part in seen.split(";"))
    whole = edge.deep.pem
    leaf = whole[:whole.index("-----END") + len("-----END CERTIFICATE-----\n")]
    assert urllib.parse.unquote(parts["Cert"].strip('"')) == leaf
    assert urllib.parse.unquote(parts["Chain"].strip('"')) == whole


def test_statistics_have_their_names(edge):
    edge.fetch("TLSv1_2-TLSv1_2", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    names = edge.process.stats("listener.TLSv1_2-TLSv1_2.ssl.")
    for name in ["connection_error", "handshake", "session_reused", "no_certificate", "fail_verify_no_cert", "fail_verify_error",
                 "fail_verify_san", "fail_verify_cert_hash", "ocsp_staple_failed", "ocsp_staple_omitted",
                 "ocsp_staple_responses", "ocsp_staple_requests", "ciphers.ECDHE-ECDSA-AES128-GCM-SHA256", "versions.TLSv1.2",
                 "curves.X25519"]:
        assert f"listener.TLSv1_2-TLSv1_2.ssl.{name}" in names, name


def test_a_key_log_opens_a_capture_of_the_connections_in_its_ranges(edge):
    with edge.connect("key-log", versions=(V.TLSv1_3, V.TLSv1_3)) as client:
        exchange(client)
    edge.fetch("foreign-key-log")
    labels = {line.split()[0] for line in edge.key_log.read_text().splitlines()}
    assert {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
            "SERVER_TRAFFIC_SECRET_0"} <= labels
    assert edge.key_log.stat().st_mode & 0o077 == 0
    assert not edge.foreign_key_log.exists()


# Where certificates come from.

@pytest.mark.parametrize("name", ["env", "inline", "password"])
def test_certificates_come_from_other_places_than_files(edge, name):
    with edge.connect(name) as client:
        assert client.getpeercert(True) == edge.server.der


def test_curl_verifies_what_it_is_shown(edge):
    done = subprocess.run(["curl", "-sS", "--cacert", edge.root.chain, "--cert", edge.client.chain, "--key", edge.client.key,
                           f"https://localhost:{edge.ports['mutual']}/", "--resolve", f"localhost:{edge.ports['mutual']}:127.0.0.1"],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.stdout == "hello", done.stderr


@pytest.mark.parametrize("broken, expected", [
    (lambda e: {"tls_certificates": [{"certificate_chain": {"filename": e.server.chain}, "private_key": {"filename": e.other.key}}]},
     "does not belong to the certificate"),
    (lambda e: {"tls_certificates": [{"certificate_chain": {"filename": e.server.chain},
                                      "private_key": {"filename": str(e.folder / "locked.key")},
                                      "password": {"inline_string": "wrong"}}]}, "not its password"),
    (lambda e: {"tls_certificates": [{"certificate_chain": {"filename": str(e.folder / "none.pem")},
                                      "private_key": {"filename": e.server.key}}]}, "none.pem: No such file"),
    (lambda e: {"tls_certificates": [{"certificate_chain": {"environment_variable": "BATON_NOT_SET"},
                                      "private_key": {"filename": e.server.key}}]}, "BATON_NOT_SET not set"),
    (lambda e: {"tls_certificates": [shown(e.must_staple)]}, "comes with a staple"),
    (lambda e: {"tls_certificates": [shown(e.other, ocsp_staple={"filename": e.root.staple(e.server)})]}, "another certificate"),
    (lambda e: {"tls_certificates": [shown(e.server)], "tls_params": {"cipher_suites": ["ECDHE-NONE"]}}, 'unknown cipher "ECDHE-NONE"'),
    (lambda e: {"tls_certificates": [shown(e.server)], "tls_params": {"ecdh_curves": ["P-1"]}}, "unknown curve"),
    (lambda e: {"tls_certificates": [shown(e.server)], "validation_context": {"match_typed_subject_alt_names": [
        {"san_type": "DNS", "matcher": {"exact": "x"}}]}}, "trusted_ca"),
    (lambda e: {"tls_certificates": [shown(e.server)], "key_log": {"path": "/nowhere/keys"}}, "cannot open /nowhere/keys"),
])
def test_a_configuration_that_cannot_work_is_refused(edge, broken, expected, tmp_path):
    config = tmp_path / "bad.yaml"
    config.write_text(json.dumps(bootstrap([listener("bad", http_filter(TELLING), tls=broken(edge))])))
    done = subprocess.run([BINARY, "--mode", "validate", "-c", str(config)], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1
    assert expected in done.stderr + done.stdout, done.stderr + done.stdout
