// `baton upgrade`: starts the process that takes over from the running one, follows it through probation, and says how
// it went.
#pragma once

#include <string>
#include <vector>

namespace baton::server {

// `arguments`: what follows the word upgrade. Returns the exit status: 0 when the new process serves and (with --wait)
// the old one has ended, 1 otherwise.
int runUpgrade(const std::vector<std::string>& arguments, const std::string& own_path);

}  // namespace baton::server
