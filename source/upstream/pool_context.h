// What the pools and balancers of one thread share.
#pragma once

#include "source/base/random.h"
#include "source/event/loop.h"
#include "source/upstream/client_codecs.h"

namespace baton::upstream {

struct PoolContext {
  event::Loop& loop;
  base::Random& random;
  const ClientCodecs& codecs;
};

}  // namespace baton::upstream
