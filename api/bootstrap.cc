#include "api/bootstrap.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const Node*) {
  static const MessageDescription description = message<Node>(
      "Node", "envoy.config.core.v3.Node", "What this process is called.", {},
      {
          field<&Node::id>("id", "Its name."),
          field<&Node::cluster>("cluster", "The group that it belongs to; --service-cluster overrides it."),
          field<&Node::locality>("locality", "Where it runs."),
          ignored("metadata"),
          ignored("user_agent_name"),
          ignored("user_agent_version"),
          ignored("user_agent_build_version"),
          ignored("client_features"),
          ignored("extensions"),
          ignored("dynamic_parameters"),
      });
  return description;
}

const MessageDescription& describe(const StaticResources*) {
  static const MessageDescription description = message<StaticResources>(
      "StaticResources", "", "Listeners and clusters.", {},
      {
          field<&StaticResources::listeners>("listeners", "The listeners."),
          field<&StaticResources::clusters>("clusters", "The clusters."),
          field<&StaticResources::secrets>("secrets", "Certificates and keys that TLS contexts name."),
      });
  return description;
}

const MessageDescription& describe(const ClusterManager*) {
  static const MessageDescription description =
      message<ClusterManager>("ClusterManager", "", "Settings of all clusters.", {},
                              {
                                  ignored("enable_deferred_cluster_creation"),
                                  unsupported("local_cluster_name", "zone aware routing"),
                                  unsupported("outlier_detection", "outlier detection event logs"),
                                  unsupported("upstream_bind_config", "a local address for all clusters"),
                                  unsupportedObservability("load_stats_config", "load reports"),
                              });
  return description;
}

const MessageDescription& describe(const Admin*) {
  static const MessageDescription description = message<Admin>(
      "Admin", "envoy.config.bootstrap.v3.Admin", "The admin interface.", {},
      {
          field<&Admin::address>("address", "Where it listens; nowhere when not set."),
          field<&Admin::access_log>("access_log", "Logs of admin requests."),
          field<&Admin::access_log_path>("access_log_path", "A file for logs of admin requests.",
                                         {.deprecated = "access_log"}),
          field<&Admin::ignore_global_conn_limit>("ignore_global_conn_limit",
                                                  "Do not count its connections towards the limit of the process."),
          field<&Admin::allow_paths>("allow_paths",
                                     "The paths that are answered, without their query; all when empty."),
          ignored("profile_path"),
          unsupported("socket_options", "socket options of the admin interface"),
      },
      [](void* object) {
        auto& admin = *static_cast<Admin*>(object);

        if (admin.access_log_path.empty()) return;
        admin.access_log.push_back(
            {.name = "admin",
             .typed_config = TypedConfig::of(FileAccessLog{.path = std::move(admin.access_log_path)})});
        admin.access_log_path.clear();
      });
  return description;
}

const MessageDescription& describe(const Bootstrap*) {
  static const MessageDescription description = message<Bootstrap>(
      "Bootstrap", "envoy.config.bootstrap.v3.Bootstrap", "The whole configuration.", {},
      {
          field<&Bootstrap::node>("node", "What this process is called."),
          field<&Bootstrap::static_resources>("static_resources", "Listeners and clusters."),
          field<&Bootstrap::cluster_manager>("cluster_manager", "Settings of all clusters."),
          field<&Bootstrap::admin>("admin", "The admin interface; none when not set."),
          field<&Bootstrap::layered_runtime>("layered_runtime", "The runtime; without any layer when not set."),
          field<&Bootstrap::stats_flush_interval>(
              "stats_flush_interval", "How often histograms are merged and sinks are fed.", {.min = 1, .max = 300000}),
          field<&Bootstrap::stats_flush_on_admin>(
              "stats_flush_on_admin",
              "Merge histograms when the admin interface is asked for stats, not at every interval."),
          field<&Bootstrap::use_tcp_for_dns_lookups>("use_tcp_for_dns_lookups", "Ask by TCP, not by UDP.",
                                                     {.deprecated = "typed_dns_resolver_config"}),
          field<&Bootstrap::dns_resolution_config>("dns_resolution_config", "Name servers and options.",
                                                   {.deprecated = "typed_dns_resolver_config"}),
          field<&Bootstrap::typed_dns_resolver_config>("typed_dns_resolver_config",
                                                       "The resolver of clusters that have none."),
          ignored("flags_path"),
          ignored("watchdog"),
          ignored("watchdogs"),
          ignored("stats_server_version_override"),
          ignored("enable_dispatcher_stats"),
          ignored("default_regex_engine"),
          ignored("memory_allocator_manager"),
          unsupported("dynamic_resources", "dynamic resources"),
          unsupported("stats_config", "stats tags and matchers"),
          unsupported("stats_sinks", "stats sinks"),
          unsupported("overload_manager",
                      "the overload manager; remove it (runtime overload.global_downstream_max_connections limits "
                      "connections)"),
          unsupported("header_prefix", "another prefix than x-envoy-"),
          unsupported("application_log_config", "application log formats; use --log-format"),
          unsupportedObservability("tracing", "HTTP tracing"),
          unsupported("hds_config", "health discovery"),
          unsupported("bootstrap_extensions", "bootstrap extensions"),
          unsupported("fatal_actions", "fatal actions"),
          unsupported("config_sources", "dynamic resources"),
          unsupported("default_config_source", "dynamic resources"),
          unsupported("default_socket_interface", "socket interfaces"),
          unsupported("certificate_provider_instances", "certificate providers"),
          unsupported("inline_headers", "inline headers"),
          unsupported("node_context_params", "dynamic resources"),
          unsupported("xds_delegate_extension", "dynamic resources"),
          unsupported("xds_config_tracker_extension", "dynamic resources"),
          unsupported("listener_manager", "listener manager extensions"),
          unsupported("grpc_async_client_manager_config", "gRPC clients"),
          unsupported("perf_tracing_file_path", "performance tracing"),
      },
      [](void* object) {
        auto& bootstrap = *static_cast<Bootstrap*>(object);

        if (!bootstrap.typed_dns_resolver_config) {
          auto old = bootstrap.dns_resolution_config.value_or(DnsResolutionConfig{});
          old.dns_resolver_options.use_tcp_for_dns_lookups |= bootstrap.use_tcp_for_dns_lookups;
          bootstrap.typed_dns_resolver_config =
              DnsResolverExtension::of(std::move(old.resolvers), old.dns_resolver_options);
        }
        bootstrap.use_tcp_for_dns_lookups = false;
        bootstrap.dns_resolution_config.reset();
      });
  return description;
}

}  // namespace baton::api
