// Non-cryptographic hashes of the consistent-hashing load balancers and of hash policies. Values are the same on every
// machine, so that several proxies send one key to one endpoint.
#pragma once

#include <cstdint>
#include <string_view>

namespace baton::upstream {

// XXH64.
uint64_t xxHash64(std::string_view bytes, uint64_t seed = 0);
// MurmurHash2, 64-bit variant A, with libstdc++'s seed.
uint64_t murmurHash2(std::string_view bytes, uint64_t seed = 0xc70f6907);

}  // namespace baton::upstream
