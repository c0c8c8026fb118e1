// x-forwarded-client-cert: what upstream learns about the client's certificate. Pure.
#pragma once

#include "api/http_connection_manager.h"

#include "source/http/header_map.h"
#include "source/network/connection_info.h"

namespace baton::proxy {

void setClientCertificateHeader(http::HeaderMap& headers, const api::HttpConnectionManager& config,
                                const network::ConnectionInfo& connection);

}  // namespace baton::proxy
