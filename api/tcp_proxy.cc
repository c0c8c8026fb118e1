#include "api/tcp_proxy.h"

#include <utility>

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const TcpClusterWeight*) {
  static const MessageDescription description = message<TcpClusterWeight>(
      "TcpClusterWeight", "", "One of the clusters that share connections.", {},
      {
          field<&TcpClusterWeight::name>("name", "The cluster.", {.required = true, .nonempty = true}),
          field<&TcpClusterWeight::weight>("weight", "Its part of the sum of all weights.",
                                           {.required = true, .min = 1}),
          unsupported("metadata_match", "subset load balancing"),
      });
  return description;
}

const MessageDescription& describe(const TcpWeightedCluster*) {
  static const MessageDescription description = message<TcpWeightedCluster>(
      "TcpWeightedCluster", "", "Clusters that share connections.", {},
      {
          field<&TcpWeightedCluster::clusters>("clusters", "The clusters.", {.min_items = 1}),
      });
  return description;
}

const MessageDescription& describe(const TcpHashPolicy*) {
  static const MessageDescription description = message<TcpHashPolicy>(
      "TcpHashPolicy", "", "What consistent load balancing hashes.", {{"policy_specifier", true}},
      {
          field<&TcpHashPolicy::source_ip>("source_ip", "The client's address.", {.oneof = "policy_specifier"}),
          unsupported("filter_state", "filter state", "policy_specifier"),
      });
  return description;
}

const MessageDescription& describe(const TcpAccessLogOptions*) {
  static const MessageDescription description = message<TcpAccessLogOptions>(
      "TcpAccessLogOptions", "", "Log lines beyond the one at a connection's end.", {},
      {
          field<&TcpAccessLogOptions::access_log_flush_interval>(
              "access_log_flush_interval", "A line this often while the connection lasts.", {.min = 1}),
          field<&TcpAccessLogOptions::flush_access_log_on_connected>("flush_access_log_on_connected",
                                                                     "A line when the upstream is connected."),
      });
  return description;
}

const MessageDescription& describe(const TcpProxy*) {
  static const MessageDescription description = message<TcpProxy>(
      "TcpProxy", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
      "Copies bytes between a client and an endpoint.", {{"cluster_specifier", true}},
      {
          field<&TcpProxy::stat_prefix>("stat_prefix", "Prefix of its statistics.",
                                        {.required = true, .nonempty = true}),
          field<&TcpProxy::cluster>("cluster", "The cluster.", {.nonempty = true, .oneof = "cluster_specifier"}),
          field<&TcpProxy::weighted_clusters>("weighted_clusters", "Clusters that share connections.",
                                              {.oneof = "cluster_specifier"}),
          field<&TcpProxy::idle_timeout>("idle_timeout",
                                         "Both sides silent for this long close the connection; 0 is never."),
          field<&TcpProxy::access_log>("access_log", "Logs of connections."),
          field<&TcpProxy::max_connect_attempts>("max_connect_attempts", "How often an endpoint is tried.", {.min = 1}),
          field<&TcpProxy::max_downstream_connection_duration>("max_downstream_connection_duration",
                                                               "Longest life of a connection.", {.min = 1}),
          field<&TcpProxy::hash_policy>("hash_policy", "What RING_HASH and MAGLEV hash.", {.max_items = 1}),
          field<&TcpProxy::backoff_options>("backoff_options", "Waits between connection attempts; none when not set."),
          field<&TcpProxy::access_log_options>("access_log_options", "Log lines beyond the one at a connection's end."),
          field<&TcpProxy::access_log_flush_interval>(
              "access_log_flush_interval", "A line this often while the connection lasts.",
              {.min = 1, .deprecated = "access_log_options.access_log_flush_interval"}),
          field<&TcpProxy::flush_access_log_on_connected>(
              "flush_access_log_on_connected", "A line when the upstream is connected.",
              {.deprecated = "access_log_options.flush_access_log_on_connected"}),
          field<&TcpProxy::max_downstream_connection_duration_jitter_percentage>(
              "max_downstream_connection_duration_jitter_percentage",
              "Random addition to the longest life, in percent of it."),
          unsupported("metadata_match", "subset load balancing"),
          unsupported("tunneling_config", "TCP over HTTP"),
          unsupported("upstream_connect_mode", "upstream connect modes"),
          unsupported("max_early_data_bytes", "early data"),
          unsupported("proxy_protocol_tlvs", "PROXY protocol to upstreams"),
          unsupported("proxy_protocol_tlv_merge_policy", "PROXY protocol to upstreams"),
          unsupported("on_demand", "on-demand clusters"),
      },
      [](void* object) {
        auto& proxy = *static_cast<TcpProxy*>(object);
        const auto interval = std::exchange(proxy.access_log_flush_interval, {});
        const bool on_connected = std::exchange(proxy.flush_access_log_on_connected, false);
        if (!interval && !on_connected) return;
        if (!proxy.access_log_options) proxy.access_log_options.emplace();
        auto& options = *proxy.access_log_options;
        if (!options.access_log_flush_interval) options.access_log_flush_interval = interval;
        options.flush_access_log_on_connected = options.flush_access_log_on_connected || on_connected;
      });
  return description;
}

const MessageDescription& describe(const NetworkDirectResponse*) {
  static const MessageDescription description = message<NetworkDirectResponse>(
      "NetworkDirectResponse", "envoy.extensions.filters.network.direct_response.v3.Config",
      "Writes a text to the client and closes.", {},
      {
          field<&NetworkDirectResponse::response>("response", "The text."),
      });
  return description;
}

const MessageDescription& describe(const Echo*) {
  static const MessageDescription description = message<Echo>("Echo", "envoy.extensions.filters.network.echo.v3.Echo",
                                                              "Writes back what the client sends.", {}, {});
  return description;
}

}  // namespace baton::api
