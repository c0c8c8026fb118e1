// Writes the secrets of TLS sessions to a file in the NSS key log format, with which a capture of the traffic can be
// read while a problem is searched. Shared by the transports of a context; thread-safe: each line is one write(2) to a
// file opened for appending. The file is made, readable for its owner only, when there is a first line for it, so that
// to look at a configuration leaves nothing behind.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/tls.h"

#include "source/base/result.h"
#include "source/network/address.h"

namespace baton::tls {

class KeyLog {
 public:
  // Errors, such as a file that can not be written, begin with the path of the field below the TLS context.
  static base::Result<std::unique_ptr<KeyLog>> open(const api::TlsKeyLog& settings);

  KeyLog(const KeyLog&) = delete;
  KeyLog& operator=(const KeyLog&) = delete;
  ~KeyLog();

  // `socket`: of the connection that the line is about; connections outside of the configured ranges are left out.
  void write(int socket, std::string_view line) const;

 private:
  using Ranges = std::vector<network::CidrRange>;

  explicit KeyLog(std::string path) : path_(std::move(path)) {}
  int file() const;

  const std::string path_;
  mutable std::once_flag opened_;
  mutable int file_ = -1;  // set once, by the first line
  Ranges local_;
  Ranges remote_;
};

}  // namespace baton::tls
