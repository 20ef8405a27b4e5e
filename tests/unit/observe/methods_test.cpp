#include "core/observe/methods.h"

#include <set>

#include <gtest/gtest.h>

namespace hostcheck::observe {
namespace {

TEST(Methods, WithoutBpfEachIsNamedWithTheReasonAndWhatIsLost) {
  const auto methods = methods_without_bpf(make_error(ErrorCode::denied, "load", "BPF programs", "no CAP_BPF"));
  std::set<std::string> names;
  for (const Method& each : methods) {
    EXPECT_FALSE(each.available);
    EXPECT_NE(each.detail.find("no CAP_BPF"), std::string::npos);
    EXPECT_FALSE(each.lost.empty());
    names.insert(each.name);
  }
  EXPECT_EQ(names.size(), methods.size());
  EXPECT_TRUE(names.contains("handshake trace"));
  EXPECT_TRUE(names.contains("listener iterator"));
}

TEST(Methods, TheRemedyFitsTheReason) {
  EXPECT_NE(remedy_for(make_error(ErrorCode::denied, {}, {}, {})).find("CAP_BPF"), std::string_view::npos);
  EXPECT_NE(remedy_for(make_error(ErrorCode::unsupported, {}, {}, {})).find("BTF"), std::string_view::npos);
  EXPECT_TRUE(remedy_for(make_error(ErrorCode::failed, {}, {}, {})).empty());
}

TEST(Methods, TheFallbackNeedsNoPrivilege) {
  const Method samples = method_of_samples();
  EXPECT_TRUE(samples.available) << samples.detail;
  EXPECT_FALSE(samples.lost.empty());
}

}  // namespace
}  // namespace hostcheck::observe
