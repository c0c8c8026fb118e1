// What the admin interface can ask of this process: fills the handler table. Handlers run on the main thread.
#pragma once

#include "source/admin/handler_table.h"

namespace baton::server {

class Server;

// `server` outlives the table. Called when the configuration is built.
void addAdminCommands(admin::HandlerTable& handlers, Server& server);

}  // namespace baton::server
