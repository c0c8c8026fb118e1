// OpenSSL's error queue, which is per thread and must be empty before each call whose outcome is asked for.
#pragma once

#include <string>
#include <string_view>

#include "source/base/result.h"

namespace baton::tls {

// "TLS_error:|SSL routines:wrong version number|..." with all that the queue holds, oldest first; empties it. With an
// empty queue: an empty string.
std::string takeErrors();
// `what`, followed by the reasons in the queue; empties it.
base::Error libraryError(std::string_view what);

}  // namespace baton::tls
