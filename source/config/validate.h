// Checks what no single field can tell: that what is named exists, that nothing is there twice, that files can be read
// and keys fit, that one setting makes sense beside another. Reports everything it finds. Main thread.
#pragma once

#include "api/bootstrap.h"

#include "source/config/node.h"
#include "source/config/problems.h"

namespace baton::config {

// `root` is the text that the bootstrap was read from.
void validate(const api::Bootstrap& bootstrap, const Node& root, Problems& problems);

}  // namespace baton::config
