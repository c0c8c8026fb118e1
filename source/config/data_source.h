// Reads what a configuration points to. Any thread; blocks on the file system.
#pragma once

#include <string>

#include "api/data_source.h"

#include "source/base/result.h"

namespace baton::config {

inline constexpr size_t kMaxDataSourceBytes = 16 << 20;

// The bytes, or why there are none: the file is not there or too large, the environment variable is not set.
base::Result<std::string> readDataSource(const api::DataSource& source);
// A whole file of at most `limit` bytes.
base::Result<std::string> readFile(const std::string& path, size_t limit = kMaxDataSourceBytes);

}  // namespace baton::config
