// How the connections of a listener learn that they should end: asked by proxies at points where ending is harmless
// (a response's head, an idle connection). Implemented by the drain manager of server/; one object for all workers,
// whose state is a few atomics.
#pragma once

#include "source/base/random.h"

namespace baton::network {

class DrainDecision {
 public:
  virtual ~DrainDecision() = default;

  // A drain is under way (gradual or immediate, of the whole server or of this listener).
  virtual bool draining() const = 0;
  // Should this connection be told to go away now? With the gradual strategy the probability rises from 0 to 1 over the
  // drain time.
  virtual bool drainClose(base::Random& random) const = 0;
  // Connections with nothing in flight should be closed at once (immediate strategy).
  virtual bool closeIdle() const = 0;
  // Every response should end its connection, whatever drainClose() says of quiet ones (failed health check).
  virtual bool closeAfterEveryResponse() const { return false; }
};

}  // namespace baton::network
