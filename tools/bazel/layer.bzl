"""A layer of the house: one library for its folder, one test binary for each folder of tests."""

def layer(name, deps = []):
    """The library of a layer: every source in its folder and the folders below."""
    native.cc_library(
        name = name,
        srcs = native.glob(["**/*.cc"]),
        hdrs = native.glob(["**/*.h"]),
        visibility = ["//visibility:public"],
        deps = deps,
    )

def layer_test(name, deps = [], data = [], size = "medium", **kwargs):
    """The unit tests of a folder in one binary."""
    native.cc_test(
        name = name,
        size = size,
        srcs = native.glob(
            ["*.cc", "*.h"],
            exclude = ["*_fuzz.cc"],
        ),
        data = data,
        deps = deps + ["@system//:gtest_main"],
        **kwargs
    )
