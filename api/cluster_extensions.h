// What a cluster says by extensions, said by its fields: nobody else has to know that there are extensions.
#pragma once

namespace baton::api {

struct Cluster;

// cluster_type becomes type and the dns_ fields, load_balancing_policy becomes lb_policy and its settings.
void readExtensions(Cluster& cluster);

}  // namespace baton::api
