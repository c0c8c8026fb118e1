#include "source/server/service_manager.h"

#include <cstdlib>
#include <sys/socket.h>

#include "source/network/address.h"
#include "source/network/fd.h"

namespace baton::server {

void notifyServiceManager(const std::string& lines) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  const auto address = network::Address::unixSocket(path);
  if (!address) return;
  const network::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ::sendto(socket.get(), lines.data(), lines.size(), MSG_NOSIGNAL, address->sockaddrPointer(),
           address->sockaddrLength());
}

}  // namespace baton::server
