// What operators say of endpoints: the last one that was asked, and those before it.
#include "source/access_log/operator_table.h"
#include "source/http/field_syntax.h"

namespace baton::access_log {
namespace {

using http::UpstreamInfo;
using network::Address;

const network::TlsInfo* tlsOf(const FormatContext& context) {
  return context.info.upstream.tls.get();
}

template <std::optional<Address> UpstreamInfo::*member>
const Address* addressOf(const FormatContext& context) {
  const auto& address = context.info.upstream.*member;
  return address ? &*address : nullptr;
}

std::string nameOf(const std::string& name, const Address& address) {
  return name.empty() ? address.text() : name;
}

// The name as it was configured, with the port only where one is written in it.
std::string nameWithoutPort(const std::string& name, const Address& address) {
  return name.empty() ? address.ip() : std::string(http::hostOf(name));
}

// Every endpoint that was asked, in their order.
template <typename Print>
OperatorValue attempted(const FormatContext& context, Print print, std::string& scratch) {
  const UpstreamInfo& upstream = context.info.upstream;
  scratch.clear();
  const auto add = [&](const Address& address, const std::string& name, uint64_t connection) {
    const std::string text = print(address, name, connection);
    if (text.empty()) return;
    if (!scratch.empty()) scratch += ',';
    scratch += text;
  };
  for (const UpstreamInfo::Attempted& host : upstream.earlier_hosts) add(host.address, host.name, host.connection_id);
  if (upstream.remote_address) add(*upstream.remote_address, upstream.host_name, upstream.connection_id);
  return OperatorTable::textOrUnset(scratch);
}

}  // namespace

void OperatorTable::addUpstream(Entries& entries) {
  using C = FormatContext;
  const auto add = [&](std::string name, Operator::Evaluate evaluate, int option = 0) {
    entries.push_back({std::move(name), evaluate, nullptr, option});
  };
  addAddress<addressOf<&UpstreamInfo::remote_address>>(entries, "UPSTREAM_HOST");
  addAddress<addressOf<&UpstreamInfo::remote_address>>(entries, "UPSTREAM_REMOTE_ADDRESS");
  addAddress<addressOf<&UpstreamInfo::local_address>>(entries, "UPSTREAM_LOCAL_ADDRESS");
  add("UPSTREAM_REMOTE_PORT", address<addressOf<&UpstreamInfo::remote_address>>, kPortOnly);
  add("UPSTREAM_LOCAL_PORT", address<addressOf<&UpstreamInfo::local_address>>, kPortOnly);
  add("UPSTREAM_HOST_NAME", of<[](const C& c, std::string& scratch) {
        const UpstreamInfo& upstream = c.info.upstream;
        return upstream.remote_address ? keep(nameOf(upstream.host_name, *upstream.remote_address), scratch) : kUnset;
      }>);
  add("UPSTREAM_HOST_NAME_WITHOUT_PORT", of<[](const C& c, std::string& scratch) {
        const UpstreamInfo& upstream = c.info.upstream;
        if (!upstream.remote_address) return kUnset;
        return keep(nameWithoutPort(upstream.host_name, *upstream.remote_address), scratch);
      }>);
  add("UPSTREAM_HOSTS_ATTEMPTED", of<[](const C& c, std::string& scratch) {
        return attempted(
            c, [](const Address& address, const auto&, uint64_t) { return address.text(); }, scratch);
      }>);
  add("UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", of<[](const C& c, std::string& scratch) {
        return attempted(
            c, [](const Address& address, const auto&, uint64_t) { return address.ip(); }, scratch);
      }>);
  add("UPSTREAM_HOST_NAMES_ATTEMPTED", of<[](const C& c, std::string& scratch) {
        const auto print = [](const Address& address, const std::string& name, uint64_t) {
          return nameOf(name, address);
        };
        return attempted(c, print, scratch);
      }>);
  add("UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT", of<[](const C& c, std::string& scratch) {
        const auto print = [](const Address& address, const std::string& name, uint64_t) {
          return nameWithoutPort(name, address);
        };
        return attempted(c, print, scratch);
      }>);
  add("UPSTREAM_CONNECTION_IDS_ATTEMPTED", of<[](const C& c, std::string& scratch) {
        const auto print = [](const Address&, const auto&, uint64_t id) {
          return id == 0 ? std::string() : std::to_string(id);
        };
        return attempted(c, print, scratch);
      }>);
  add("UPSTREAM_CLUSTER", of<[](const C& c) { return std::string_view(c.info.upstream_cluster); }>);
  add("UPSTREAM_CLUSTER_RAW", of<[](const C& c) { return std::string_view(c.info.upstream_cluster); }>);
  add("UPSTREAM_PROTOCOL", of<[](const C& c) {
        return c.info.upstream.protocol ? toString(*c.info.upstream.protocol) : std::string_view();
      }>);
  add("UPSTREAM_REQUEST_ATTEMPT_COUNT", of<[](const C& c) { return c.info.upstream.attempt_count; }>);
  add("UPSTREAM_TRANSPORT_FAILURE_REASON", of<[](const C& c, std::string& scratch) {
        return detailsText(c.info.upstream.transport_failure_reason, false, scratch);
      }>);
  add("UPSTREAM_CONNECTION_ID", of<[](const C& c) {
        return c.info.upstream.connection_id == 0 ? kUnset : OperatorValue(c.info.upstream.connection_id);
      }>);
  addTls<tlsOf>(entries, "UPSTREAM");
}

}  // namespace baton::access_log
