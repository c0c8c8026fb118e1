// What systemd is told (sd_notify(3)): lines of NAME=VALUE in one datagram to the socket that NOTIFY_SOCKET names.
#pragma once

#include <string>

namespace baton::server {

// Nothing happens where no service manager asked to be told, and nothing fails where it does not listen.
void notifyServiceManager(const std::string& lines);

}  // namespace baton::server
