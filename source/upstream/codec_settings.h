// The codecs' settings of a cluster from the configuration's protocol options. Main thread.
#pragma once

#include "api/protocol_options.h"

#include "source/http/http1/settings.h"
#include "source/http/http2/settings.h"

namespace baton::upstream {

http::Http1Settings http1ClientSettings(const api::Http1ProtocolOptions& options,
                                        const api::HttpProtocolOptions& common);
// `buffer_limit_bytes`: of the cluster's connections.
http::Http2Settings http2ClientSettings(const api::Http2ProtocolOptions& options,
                                        const api::HttpProtocolOptions& common, size_t buffer_limit_bytes);

}  // namespace baton::upstream
