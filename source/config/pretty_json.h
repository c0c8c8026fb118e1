// JSON for people: one member a line. Any thread.
#pragma once

#include <string>

#include <boost/json/fwd.hpp>

namespace baton::config {

std::string prettyJson(const boost::json::value& value);

}  // namespace baton::config
