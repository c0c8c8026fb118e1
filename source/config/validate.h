// Checks what no single field can tell: that what is named exists, that nothing is there twice, that files can be read
// and keys fit, that one setting makes sense beside another. Reports everything it finds. Main thread.
#pragma once

#include <functional>
#include <string_view>

#include "api/bootstrap.h"

#include "source/base/result.h"
#include "source/config/node.h"
#include "source/config/problems.h"

namespace baton::config {

// `root` is the text that the bootstrap was read from. `check_operators` as in LoadOptions.
void validate(const api::Bootstrap& bootstrap, const Node& root, Problems& problems,
              const std::function<base::Result<void>(std::string_view)>& check_operators);

}  // namespace baton::config
