"""The stats that dashboards made for Envoy ask for: every name is there before anything happened, and the sums that
must hold between them hold after mixed traffic."""
import re

import pytest

from conftest import bootstrap, cluster, forward_all, http_filter, listener, raw, request, tcp_filter, tls_context, wait_for

CONNECTION_MANAGER = """
    downstream_cx_total downstream_cx_ssl_total downstream_cx_http1_total downstream_cx_http2_total
    downstream_cx_upgrades_total downstream_cx_destroy downstream_cx_destroy_remote downstream_cx_destroy_local
    downstream_cx_destroy_active_rq downstream_cx_destroy_local_active_rq downstream_cx_destroy_remote_active_rq
    downstream_cx_protocol_error downstream_cx_rx_bytes_total downstream_cx_tx_bytes_total downstream_cx_drain_close
    downstream_cx_idle_timeout downstream_cx_max_duration_reached downstream_cx_max_requests_reached
    downstream_cx_overload_disable_keepalive downstream_cx_delayed_close_timeout
    downstream_flow_control_paused_reading_total downstream_flow_control_resumed_reading_total downstream_cx_active
    downstream_cx_ssl_active downstream_cx_http1_active downstream_cx_http2_active downstream_cx_upgrades_active
    downstream_cx_rx_bytes_buffered downstream_cx_tx_bytes_buffered downstream_cx_length_ms downstream_rq_total
    downstream_rq_http1_total downstream_rq_http2_total downstream_rq_completed downstream_rq_1xx downstream_rq_2xx
    downstream_rq_3xx downstream_rq_4xx downstream_rq_5xx downstream_rq_rejected_via_ip_detection
    downstream_rq_response_before_rq_complete downstream_rq_rx_reset downstream_rq_tx_reset
    downstream_rq_non_relative_path downstream_rq_too_large downstream_rq_failed_path_normalization
    downstream_rq_redirected_with_normalized_path downstream_rq_ws_on_non_ws_route downstream_rq_idle_timeout
    downstream_rq_timeout downstream_rq_header_timeout downstream_rq_max_duration_reached downstream_rq_overload_close
    rs_too_large downstream_rq_active downstream_rq_time no_route no_cluster rq_redirect rq_direct_response rq_total
    rq_reset_after_downstream_response_started"""
LISTENER = """
    downstream_cx_total downstream_cx_destroy downstream_cx_overflow downstream_cx_overload_reject
    downstream_global_cx_overflow downstream_cx_transport_socket_connect_timeout downstream_pre_cx_timeout
    downstream_listener_filter_remote_close downstream_listener_filter_error no_filter_chain_match downstream_cx_active
    downstream_pre_cx_active downstream_cx_length_ms connections_accepted_per_socket_event
    worker_0.downstream_cx_total worker_0.downstream_cx_active"""
LISTENER_HTTP = """
    downstream_rq_completed downstream_rq_1xx downstream_rq_2xx downstream_rq_3xx downstream_rq_4xx
    downstream_rq_5xx"""
SSL = """
    connection_error handshake session_reused no_certificate fail_verify_no_cert fail_verify_error fail_verify_san
    fail_verify_cert_hash ocsp_staple_failed ocsp_staple_omitted ocsp_staple_responses ocsp_staple_requests"""
TCP = """
    downstream_cx_total downstream_cx_no_route downstream_cx_tx_bytes_total downstream_cx_rx_bytes_total
    downstream_flow_control_paused_reading_total downstream_flow_control_resumed_reading_total idle_timeout
    max_downstream_connection_duration upstream_flush_total downstream_cx_tx_bytes_buffered
    downstream_cx_rx_bytes_buffered upstream_flush_active"""
CODEC1 = """
    dropped_headers_with_underscores requests_rejected_with_underscores_in_headers response_flood
    metadata_not_supported_error"""
CODEC2 = """
    dropped_headers_with_underscores requests_rejected_with_underscores_in_headers header_overflow headers_cb_no_stream
    inbound_empty_frames_flood inbound_priority_frames_flood inbound_window_update_frames_flood outbound_flood
    outbound_control_flood rx_messaging_error rx_reset tx_reset stream_refused_errors trailers tx_flush_timeout
    keepalive_timeout streams_active pending_send_bytes deferred_stream_close"""
CLUSTER = """
    upstream_cx_total upstream_cx_http1_total upstream_cx_http2_total upstream_cx_connect_fail
    upstream_cx_connect_timeout upstream_cx_idle_timeout upstream_cx_max_duration_reached
    upstream_cx_connect_attempts_exceeded upstream_cx_overflow upstream_cx_pool_overflow upstream_cx_destroy
    upstream_cx_destroy_local upstream_cx_destroy_remote upstream_cx_destroy_with_active_rq
    upstream_cx_destroy_local_with_active_rq upstream_cx_destroy_remote_with_active_rq upstream_cx_close_notify
    upstream_cx_rx_bytes_total upstream_cx_tx_bytes_total upstream_cx_protocol_error upstream_cx_max_requests
    upstream_cx_none_healthy bind_errors upstream_cx_active upstream_cx_rx_bytes_buffered
    upstream_cx_tx_bytes_buffered upstream_cx_connect_ms upstream_cx_length_ms upstream_rq_total
    upstream_rq_pending_total upstream_rq_pending_overflow upstream_rq_pending_failure_eject
    upstream_rq_active_overflow upstream_rq_cancelled upstream_rq_maintenance_mode upstream_rq_timeout
    upstream_rq_max_duration_reached upstream_rq_per_try_timeout upstream_rq_per_try_idle_timeout upstream_rq_rx_reset
    upstream_rq_tx_reset upstream_rq_retry upstream_rq_retry_backoff_exponential upstream_rq_retry_limit_exceeded
    upstream_rq_retry_success upstream_rq_retry_overflow upstream_flow_control_paused_reading_total
    upstream_flow_control_resumed_reading_total upstream_flow_control_backed_up_total
    upstream_flow_control_drained_total retry_or_shadow_abandoned upstream_rq_active upstream_rq_pending_active
    membership_change update_attempt update_success update_failure update_empty update_no_rebuild lb_healthy_panic
    membership_total membership_healthy membership_degraded membership_excluded max_host_weight warming_state version
    circuit_breakers.default.cx_open circuit_breakers.default.cx_pool_open circuit_breakers.default.rq_pending_open
    circuit_breakers.default.rq_open circuit_breakers.default.rq_retry_open circuit_breakers.high.rq_open
    circuit_breakers.default.remaining_cx circuit_breakers.default.remaining_pending
    circuit_breakers.default.remaining_rq circuit_breakers.default.remaining_retries
    health_check.attempt health_check.success health_check.failure health_check.passive_failure
    health_check.network_failure health_check.verify_cluster health_check.healthy
    outlier_detection.ejections_enforced_total outlier_detection.ejections_overflow outlier_detection.ejections_active
    outlier_detection.ejections_enforced_consecutive_5xx outlier_detection.ejections_detected_consecutive_5xx
    outlier_detection.ejections_enforced_consecutive_gateway_failure
    outlier_detection.ejections_enforced_success_rate
    outlier_detection.ejections_enforced_consecutive_local_origin_failure
    outlier_detection.ejections_enforced_local_origin_success_rate
    outlier_detection.ejections_enforced_failure_percentage
    outlier_detection.ejections_enforced_failure_percentage_local_origin
    outlier_detection.ejections_detected_failure_percentage_local_origin
    maglev_lb.min_entries_per_host maglev_lb.max_entries_per_host"""
SERVER = """
    uptime concurrency memory_allocated memory_heap_size memory_physical_size live state parent_connections
    total_connections version days_until_first_cert_expiring hot_restart_epoch hot_restart_generation
    static_unknown_fields dynamic_unknown_fields debug_assertion_failures envoy_bug_failures initialization_time_ms"""
MANAGERS = """
    listener_manager.listener_added listener_manager.listener_modified listener_manager.listener_removed
    listener_manager.listener_stopped listener_manager.listener_create_success
    listener_manager.listener_create_failure listener_manager.listener_in_place_updated
    listener_manager.total_listeners_warming listener_manager.total_listeners_active
    listener_manager.total_listeners_draining listener_manager.total_filter_chains_draining
    listener_manager.workers_started cluster_manager.cluster_added cluster_manager.cluster_modified
    cluster_manager.cluster_removed cluster_manager.cluster_updated cluster_manager.cluster_updated_via_merge
    cluster_manager.update_merge_cancelled cluster_manager.update_out_of_merge_window cluster_manager.active_clusters
    cluster_manager.warming_clusters runtime.load_error runtime.load_success runtime.deprecated_feature_use
    runtime.override_dir_exists runtime.override_dir_not_exists runtime.admin_overrides_active runtime.num_keys
    runtime.num_layers filesystem.write_buffered filesystem.write_completed filesystem.write_failed
    filesystem.flushed_by_timer filesystem.reopen_failed filesystem.write_total_buffered tls_inspector.tls_found
    tls_inspector.tls_not_found tls_inspector.alpn_found tls_inspector.alpn_not_found tls_inspector.sni_found
    tls_inspector.sni_not_found tls_inspector.client_hello_too_large"""


@pytest.fixture
def scraped(baton, upstream, tcp_server, certificate, tmp_path):
    """A process with one of everything, before any request."""
    def echo(connection):
        while data := connection.recv(65536):
            connection.sendall(data)
    inspector = {"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"}}
    log = {"name": "file", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": str(tmp_path / "access.log")}}
    one = cluster("one", upstream().server_address[1], lb_policy="MAGLEV", outlier_detection={}, health_checks=[
        {"timeout": "5s", "interval": "60s", "healthy_threshold": 1, "unhealthy_threshold": 1, "tcp_health_check": {}}],
        circuit_breakers={"thresholds": [{"track_remaining": True}]})
    process = baton(bootstrap(
        [listener("web", http_filter(forward_all("one"), access_log=[log]), listener_filters=[inspector],
                  stat_prefix="web"),
         listener("secure", http_filter(forward_all("one")), tls=tls_context(certificate), stat_prefix="secure"),
         listener("raw", tcp_filter("two"))],
        [one, cluster("two", tcp_server(echo))]))
    return process


@pytest.mark.parametrize("prefix, names", [
    ("http.test.", CONNECTION_MANAGER), ("listener.web.", LISTENER), ("listener.web.http.test.", LISTENER_HTTP),
    ("listener.secure.ssl.", SSL), ("tcp.tcp.", TCP), ("http1.", CODEC1), ("http2.", CODEC2),
    ("cluster.one.http1.", CODEC1), ("cluster.one.", CLUSTER), ("server.", SERVER), ("", MANAGERS)],
    ids=lambda value: value if " " not in value else "")
def test_every_name_is_there_before_anything_happened(scraped, prefix, names):
    present = set(re.findall(r"^(\S+): ", scraped.admin("/stats"), re.MULTILINE))
    missing = [prefix + name for name in names.split() if prefix + name not in present]
    assert not missing


def test_sums_hold_after_mixed_traffic(scraped):
    web = scraped.port("web")
    for path in ("/", "/a", "/b"):
        assert request(web, path).status == 200
    raw(web, b"nonsense\r\n\r\n")
    raw(web, b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /two HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert raw(scraped.port("raw"), b"hello", shutdown=True) == b"hello"
    wait_for(lambda: scraped.stat("http.test.downstream_cx_active") == 0, "connections to end")
    wait_for(lambda: scraped.stat("tcp.tcp.downstream_cx_tx_bytes_total") == 5, "the session to be counted")
    stats = {name: scraped.stat("http.test." + name) for name in (
        "downstream_rq_total", "downstream_rq_completed", "downstream_rq_2xx", "downstream_rq_4xx",
        "downstream_cx_total", "downstream_cx_destroy", "downstream_cx_destroy_local", "downstream_cx_destroy_remote",
        "downstream_cx_protocol_error", "downstream_rq_active")}
    assert stats["downstream_rq_2xx"] == 5 and stats["downstream_rq_4xx"] == 1
    assert stats["downstream_rq_completed"] == 6 and stats["downstream_rq_active"] == 0
    assert stats["downstream_cx_total"] == stats["downstream_cx_destroy"] == 5
    assert stats["downstream_cx_destroy_local"] + stats["downstream_cx_destroy_remote"] == 5
    assert stats["downstream_cx_protocol_error"] == 1
    assert scraped.stat("listener.web.downstream_cx_total") == 5
    assert scraped.stat("listener.web.worker_0.downstream_cx_total") <= 5
    assert scraped.stat("cluster.one.upstream_rq_completed") == 5
    assert scraped.stat("cluster.one.upstream_rq_200") == scraped.stat("cluster.one.upstream_rq_2xx") == 5
    assert scraped.stat("cluster.one.external.upstream_rq_200") == 5
    assert scraped.stat("cluster.one.upstream_rq_active") == 0


def test_prometheus_cuts_labels_out_of_names(scraped):
    assert request(scraped.port("web")).status == 200
    text = scraped.admin("/stats/prometheus")
    for line in ('envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="one"} 1',
                 'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="one"} 1',
                 'envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="test"} 1'):
        name, labels = re.match(r"(\w+){(.*)} 1", line).groups()
        wanted = set(labels.split(","))
        found = [set(m.split(",")) for m in re.findall(rf"^{name}{{(.*)}} 1$", text, re.MULTILINE)]
        assert wanted in found, line
    assert text.count("# TYPE envoy_cluster_upstream_rq_time histogram\n") == 1
    bounds = re.findall(r'^envoy_cluster_upstream_rq_time_bucket{.*le="([^"]+)"} \d+$', text, re.MULTILINE)
    assert bounds[:19] == "0.5 1 5 10 25 50 100 250 500 1000 2500 5000 10000 30000 60000 300000 600000 1800000 " \
        "3600000".split() and bounds[19] == "+Inf"
    # A family is one block: Prometheus refuses a text in which a metric's samples are apart.
    types = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(types) == len(set(types))
