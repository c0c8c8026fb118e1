#include "api/outlier_detection.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const OutlierDetection*) {
  static const MessageDescription description = message<OutlierDetection>(
      "OutlierDetection", "",
      "Ejects endpoints that fail. An empty message switches consecutive errors and success rates on.", {},
      {
          field<&OutlierDetection::consecutive_5xx>("consecutive_5xx",
                                                    "5xx responses in a row before an endpoint is ejected."),
          field<&OutlierDetection::interval>("interval", "Time between sweeps.", {.min = 1}),
          field<&OutlierDetection::base_ejection_time>(
              "base_ejection_time", "An ejection lasts this times the number of ejections.", {.min = 1}),
          field<&OutlierDetection::max_ejection_time>("max_ejection_time", "Longest ejection.", {.min = 1}),
          field<&OutlierDetection::max_ejection_time_jitter>("max_ejection_time_jitter",
                                                             "Random addition to an ejection."),
          field<&OutlierDetection::max_ejection_percent>("max_ejection_percent",
                                                         "Most of the cluster that may be ejected.", {.max = 100}),
          field<&OutlierDetection::enforcing_consecutive_5xx>("enforcing_consecutive_5xx",
                                                              "Chance that consecutive_5xx ejects.", {.max = 100}),
          field<&OutlierDetection::consecutive_gateway_failure>(
              "consecutive_gateway_failure", "502, 503 and 504 in a row before an endpoint is ejected."),
          field<&OutlierDetection::enforcing_consecutive_gateway_failure>(
              "enforcing_consecutive_gateway_failure", "Chance that consecutive_gateway_failure ejects.", {.max = 100}),
          field<&OutlierDetection::enforcing_success_rate>("enforcing_success_rate",
                                                           "Chance that a low success rate ejects.", {.max = 100}),
          field<&OutlierDetection::success_rate_minimum_hosts>(
              "success_rate_minimum_hosts", "Endpoints with enough requests that success rates need."),
          field<&OutlierDetection::success_rate_request_volume>("success_rate_request_volume",
                                                                "Requests in an interval that are enough."),
          field<&OutlierDetection::success_rate_stdev_factor>(
              "success_rate_stdev_factor", "Thousandths of the standard deviation below the mean that eject."),
          field<&OutlierDetection::split_external_local_origin_errors>(
              "split_external_local_origin_errors", "Count our own errors apart from the endpoint's."),
          field<&OutlierDetection::consecutive_local_origin_failure>(
              "consecutive_local_origin_failure", "Our own errors in a row before an endpoint is ejected."),
          field<&OutlierDetection::enforcing_consecutive_local_origin_failure>(
              "enforcing_consecutive_local_origin_failure", "Chance that these eject.", {.max = 100}),
          field<&OutlierDetection::enforcing_local_origin_success_rate>(
              "enforcing_local_origin_success_rate", "Chance that a low success rate of our own eject.", {.max = 100}),
          field<&OutlierDetection::failure_percentage_threshold>("failure_percentage_threshold",
                                                                 "Failures in percent that eject.", {.max = 100}),
          field<&OutlierDetection::enforcing_failure_percentage>(
              "enforcing_failure_percentage", "Chance that failure_percentage_threshold ejects.", {.max = 100}),
          field<&OutlierDetection::enforcing_failure_percentage_local_origin>(
              "enforcing_failure_percentage_local_origin", "Chance that our own failures in percent eject.",
              {.max = 100}),
          field<&OutlierDetection::failure_percentage_minimum_hosts>(
              "failure_percentage_minimum_hosts", "Endpoints with enough requests that failure percentages need."),
          field<&OutlierDetection::failure_percentage_request_volume>("failure_percentage_request_volume",
                                                                      "Requests in an interval that are enough."),
          field<&OutlierDetection::successful_active_health_check_uneject_host>(
              "successful_active_health_check_uneject_host", "A good active health check ends an ejection."),
          field<&OutlierDetection::always_eject_one_host>(
              "always_eject_one_host", "One endpoint may be ejected whatever max_ejection_percent says."),
          unsupported("monitors", "outlier detection monitors"),
          unsupported("detect_degraded_hosts", "degraded endpoints"),
      });
  return description;
}

}  // namespace baton::api
