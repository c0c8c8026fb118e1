#include "api/runtime.h"

#include "api/description_builder.h"

namespace baton::api {

using namespace builder;

const MessageDescription& describe(const Percent*) {
  static const MessageDescription description =
      message<Percent>("Percent", "", "A percentage.", {},
                       {
                           field<&Percent::value>("value", "From 0 to 100.", {.max = 100}),
                       });
  return description;
}

const EnumDescription& describeEnum(const FractionalPercent::Denominator*) {
  static const EnumDescription description{"FractionalPercent.Denominator",
                                           {{"HUNDRED", 0}, {"TEN_THOUSAND", 1}, {"MILLION", 2}}};
  return description;
}

const MessageDescription& describe(const FractionalPercent*) {
  static const MessageDescription description =
      message<FractionalPercent>("FractionalPercent", "", "A fraction of all cases.", {},
                                 {
                                     field<&FractionalPercent::numerator>("numerator", "How many of the denominator."),
                                     field<&FractionalPercent::denominator>("denominator", "Of how many."),
                                 });
  return description;
}

const MessageDescription& describe(const RuntimeFractionalPercent*) {
  static const MessageDescription description = message<RuntimeFractionalPercent>(
      "RuntimeFractionalPercent", "envoy.config.core.v3.RuntimeFractionalPercent",
      "A fraction that a runtime key can override.", {},
      {
          field<&RuntimeFractionalPercent::default_value>("default_value", "The fraction while the key is not set.",
                                                          {.required = true}),
          field<&RuntimeFractionalPercent::runtime_key>("runtime_key", "Name of the runtime key."),
      });
  return description;
}

const MessageDescription& describe(const RuntimePercent*) {
  static const MessageDescription description = message<RuntimePercent>(
      "RuntimePercent", "", "A percentage that a runtime key can override.", {},
      {
          field<&RuntimePercent::default_value>("default_value", "The percentage while the key is not set."),
          field<&RuntimePercent::runtime_key>("runtime_key", "Name of the runtime key."),
      });
  return description;
}

const MessageDescription& describe(const RuntimeUInt32*) {
  static const MessageDescription description = message<RuntimeUInt32>(
      "RuntimeUInt32", "", "A number that a runtime key can override.", {},
      {
          field<&RuntimeUInt32::default_value>("default_value", "The number while the key is not set."),
          field<&RuntimeUInt32::runtime_key>("runtime_key", "Name of the runtime key."),
      });
  return description;
}

const MessageDescription& describe(const RuntimeDouble*) {
  static const MessageDescription description = message<RuntimeDouble>(
      "RuntimeDouble", "", "A number that a runtime key can override.", {},
      {
          field<&RuntimeDouble::default_value>("default_value", "The number while the key is not set."),
          field<&RuntimeDouble::runtime_key>("runtime_key", "Name of the runtime key."),
      });
  return description;
}

const MessageDescription& describe(const RuntimeFeatureFlag*) {
  static const MessageDescription description = message<RuntimeFeatureFlag>(
      "RuntimeFeatureFlag", "", "A switch that a runtime key can override.", {},
      {
          field<&RuntimeFeatureFlag::default_value>("default_value", "The switch while the key is not set.",
                                                    {.required = true}),
          field<&RuntimeFeatureFlag::runtime_key>("runtime_key", "Name of the runtime key."),
      });
  return description;
}

const MessageDescription& describe(const RuntimeLayer*) {
  static const MessageDescription description = message<RuntimeLayer>(
      "RuntimeLayer", "", "One layer of the runtime; later layers override earlier ones.", {{"layer_specifier", true}},
      {
          field<&RuntimeLayer::name>("name", "Name of the layer.", {.required = true, .nonempty = true}),
          field<&RuntimeLayer::static_layer>("static_layer", "Keys and values written here, nested or with dots.",
                                             {.oneof = "layer_specifier"}),
          field<&RuntimeLayer::admin_layer>("admin_layer", "Filled by POST /runtime_modify.",
                                            {.oneof = "layer_specifier"}),
          unsupported("disk_layer", "runtime from disk", "layer_specifier"),
          unsupported("rtds_layer", "runtime discovery", "layer_specifier"),
      });
  return description;
}

const MessageDescription& describe(const LayeredRuntime*) {
  static const MessageDescription description = message<LayeredRuntime>(
      "LayeredRuntime", "", "The runtime, from its layers.", {},
      {
          field<&LayeredRuntime::layers>("layers", "The layers, the last one wins; an admin layer only when empty."),
      },
      [](void* object) {
        auto& layers = static_cast<LayeredRuntime*>(object)->layers;
        if (layers.empty()) layers.push_back({.name = "admin", .admin_layer = Empty{}});
      });
  return description;
}

}  // namespace baton::api
