#include "source/http/codec.h"

namespace baton::http {

std::string_view toString(Protocol protocol) {
  switch (protocol) {
    case Protocol::kHttp10:
      return "HTTP/1.0";
    case Protocol::kHttp11:
      return "HTTP/1.1";
    case Protocol::kHttp2:
      return "HTTP/2";
  }
  return "";
}

std::string_view toString(StreamReset reset) {
  switch (reset) {
    case StreamReset::kLocalReset:
      return "local reset";
    case StreamReset::kLocalRefused:
      return "local refused stream reset";
    case StreamReset::kRemoteReset:
      return "remote reset";
    case StreamReset::kRemoteRefused:
      return "remote refused stream reset";
    case StreamReset::kConnectionTerminated:
      return "connection termination";
    case StreamReset::kProtocolError:
      return "protocol error";
    case StreamReset::kOverflow:
      return "overflow";
    case StreamReset::kConnectError:
      return "connect error";
  }
  return "";
}

}  // namespace baton::http
