// Puts what named secrets hold in place of their names, so that nobody else has to know that there are names. Reports
// names that no secret has and secrets that hold something else or nothing that can be used. Main thread.
#pragma once

#include "api/bootstrap.h"

#include "source/config/node.h"
#include "source/config/problems.h"

namespace baton::config {

// `root` is the text that the bootstrap was read from.
void resolveSecrets(api::Bootstrap& bootstrap, const Node& root, Problems& problems);

}  // namespace baton::config
