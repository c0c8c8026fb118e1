// What operators say of the connection to the client.
#include "source/access_log/operator_table.h"

namespace baton::access_log {
namespace {

using network::Address;
using network::ConnectionInfo;
using network::TlsInfo;

const TlsInfo* tlsOf(const FormatContext& context) {
  return context.info.connection == nullptr ? nullptr : context.info.connection->tls.get();
}

const Address* remoteAddress(const FormatContext& context) {
  return &context.info.remote_address;
}

template <Address ConnectionInfo::*member>
const Address* addressOf(const FormatContext& context) {
  return context.info.connection == nullptr ? nullptr : &(context.info.connection.get()->*member);
}

template <std::string ConnectionInfo::*member>
OperatorValue text(const Operator&, const FormatContext& context, std::string&) {
  if (context.info.connection == nullptr) return OperatorTable::kUnset;
  return OperatorTable::textOrUnset(context.info.connection.get()->*member);
}

}  // namespace

void OperatorTable::addConnection(Entries& entries) {
  using C = FormatContext;
  using Connection = ConnectionInfo;
  const auto add = [&](std::string name, Operator::Evaluate evaluate, int option = 0) {
    entries.push_back({std::move(name), evaluate, nullptr, option});
  };
  addAddress<remoteAddress>(entries, "DOWNSTREAM_REMOTE_ADDRESS");
  addAddress<addressOf<&Connection::direct_remote_address>>(entries, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS");
  addAddress<addressOf<&Connection::local_address>>(entries, "DOWNSTREAM_LOCAL_ADDRESS");
  addAddress<addressOf<&Connection::direct_local_address>>(entries, "DOWNSTREAM_DIRECT_LOCAL_ADDRESS");
  add("DOWNSTREAM_REMOTE_PORT", address<remoteAddress>, kPortOnly);
  add("DOWNSTREAM_DIRECT_REMOTE_PORT", address<addressOf<&Connection::direct_remote_address>>, kPortOnly);
  add("DOWNSTREAM_LOCAL_PORT", address<addressOf<&Connection::local_address>>, kPortOnly);
  add("DOWNSTREAM_DIRECT_LOCAL_PORT", address<addressOf<&Connection::direct_local_address>>, kPortOnly);
  add("CONNECTION_ID",
      of<[](const C& c) { return c.info.connection == nullptr ? kUnset : OperatorValue(c.info.connection->id); }>);
  add("CONNECTION_TERMINATION_DETAILS",
      of<[](const C& c) { return std::string_view(c.info.connection_termination_details); }>);
  add("DOWNSTREAM_TRANSPORT_FAILURE_REASON", of<[](const C& c, std::string& scratch) {
        return c.info.connection == nullptr ? kUnset
                                            : detailsText(c.info.connection->transport_failure_reason, false, scratch);
      }>);
  add("REQUESTED_SERVER_NAME", text<&Connection::requested_server_name>);
  add("FILTER_CHAIN_NAME", text<&Connection::filter_chain_name>);
  add("DOWNSTREAM_LOCAL_SUBJECT", tlsText<tlsOf, &TlsInfo::local_subject>);
  add("DOWNSTREAM_LOCAL_URI_SAN", tlsList<tlsOf, &TlsInfo::local_uri_sans>);
  add("DOWNSTREAM_LOCAL_DNS_SAN", tlsList<tlsOf, &TlsInfo::local_dns_sans>);
  add("DOWNSTREAM_LOCAL_IP_SAN", tlsList<tlsOf, &TlsInfo::local_ip_sans>);
  addTls<tlsOf>(entries, "DOWNSTREAM");
}

}  // namespace baton::access_log
