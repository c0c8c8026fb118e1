// Lets a codec write to a network::Connection.
#pragma once

#include "source/http/codec.h"
#include "source/network/connection.h"

namespace baton::http {

class ConnectionSink final : public ByteSink {
 public:
  explicit ConnectionSink(network::Connection& connection) : connection_(connection) {}

  void write(std::string_view bytes) override { connection_.write(bytes); }
  size_t unsentBytes() const override { return connection_.unsentBytes(); }

 private:
  network::Connection& connection_;
};

}  // namespace baton::http
