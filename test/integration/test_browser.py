"""Chromium without a window, over TLS: it speaks HTTP/2, and WebSocket inside of HTTP/2 (RFC 8441)."""
import json
import os
import shutil
import signal
import subprocess

import pytest

from conftest import Echo, bootstrap, cluster, http_filter, listener, tls_context, wait_for
from peers import NodeServer

# A browser on a busy machine needs its time.
BROWSER_DEADLINE = 120

PAGE = """<!doctype html><title>page</title><script>
async function exchange(url, count) {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('no WebSocket')); });
  let echoed = 0;
  for (let i = 0; i < count; ++i) {
    const sent = i % 2 ? 'text ' + i : new Uint8Array(100000).fill(i).buffer;
    const answer = new Promise((resolve) => { socket.onmessage = (event) => resolve(event.data); });
    socket.send(sent);
    const got = await answer;
    if (i % 2 ? got === sent : got.byteLength === 100000 && new Uint8Array(got)[99999] === i) ++echoed;
  }
  const closed = new Promise((resolve) => { socket.onclose = (event) => resolve([event.code, event.reason, event.wasClean]); });
  socket.send('close me');
  return { echoed, closed: await closed };
}
async function all() {
  const seen = {};
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => fetch('/echo/' + i).then((answer) => answer.json())));
  seen.fetched = answers.filter((answer, i) => answer.path === '/echo/' + i).length;
  const post = await fetch('/echo/post', { method: 'POST', body: new Uint8Array(1000000) });
  seen.posted = (await post.json()).body_bytes;
  const big = await fetch('/big');
  seen.big = (await big.arrayBuffer()).byteLength;
  seen.status = (await fetch('/missing')).status;
  seen.protocols = [...new Set(performance.getEntriesByType('resource').map((entry) => entry.nextHopProtocol))];
  seen.websocket = await exchange('wss://' + location.host + '/ws/chat', 20);
  return seen;
}
all().catch((error) => ({ error: String(error) })).then((seen) => fetch('/done', { method: 'POST', body: JSON.stringify(seen) }));
</script>"""


class Site(Echo):
    def answer(self):
        if self.path in ("/", "/big"):
            payload = PAGE.encode() if self.path == "/" else b"b" * 5_000_000
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
        else:
            super().answer()

    do_GET = do_POST = answer


@pytest.fixture
def browser(tmp_path):
    """browser(url) opens a page; the browser ends with the test."""
    started = []

    def open_page(url):
        assert shutil.which("chromium"), "Chromium is missing: run ci/install"
        log = open(tmp_path / "chromium.log", "wb")
        # A session of its own: its processes end together.
        started.append((subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--no-proxy-server", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--ignore-certificate-errors", f"--user-data-dir={tmp_path}/profile", url],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "HOME": str(tmp_path)}), log))
        return started[-1][0]

    def all_ended(group):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            return True
        return False

    yield open_page
    for process, log in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: all_ended(process.pid), "the browser's processes to end")
        log.close()


def test_a_browser_loads_posts_and_opens_a_websocket_over_http2(baton, upstream, certificate, browser, tmp_path):
    site = upstream(Site)
    sockets = NodeServer("ws_server.js")
    try:
        process = baton(bootstrap([listener("tls", http_filter(
            [{"match": {"prefix": "/ws/"}, "route": {"cluster": "ws", "timeout": "0s"}},
             {"match": {"path": "/missing"}, "direct_response": {"status": 404}},
             {"match": {"prefix": "/"}, "route": {"cluster": "site"}}],
            upgrade_configs=[{"upgrade_type": "websocket"}], http2_protocol_options={"allow_connect": True},
            access_log=[{"name": "log", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
                "log_format": {"text_format_source": {"inline_string":
                               "LOG %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS%\n"}}}}]),
            tls=tls_context(certificate, alpn_protocols=["h2", "http/1.1"]))],
            [cluster("site", site.server_address[1]), cluster("ws", sockets.port)]))
        chromium = browser(f"https://localhost:{process.port('tls')}/")

        def report():
            assert chromium.poll() is None, (tmp_path / "chromium.log").read_text(errors="replace")[-3000:]
            return [record["body"] for record in list(site.requests) if record["path"] == "/done"]

        seen = json.loads(wait_for(report, "the browser's report", BROWSER_DEADLINE)[0])
        assert seen == {"fetched": 100, "posted": 1_000_000, "big": 5_000_000, "status": 404, "protocols": ["h2"],
                        "websocket": {"echoed": 20, "closed": [4001, "as you wish", True]}}
        wait_for(lambda: process.stat("http.test.downstream_cx_upgrades_active") == 0, "the WebSocket to be over")
        assert process.stat("http.test.downstream_cx_upgrades_total") == 1
        assert process.stat("http.test.downstream_cx_http1_total") == 0
        process.end()
        lines = [line for line in process.output().splitlines() if line.startswith("LOG ")]
        assert "LOG /ws/chat HTTP/2 200 -" in lines or "LOG /ws/chat HTTP/2 101 -" in lines, lines
        assert "LOG /echo/post HTTP/2 200 -" in lines
    finally:
        sockets.end()
