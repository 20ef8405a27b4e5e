#include <gtest/gtest.h>

#include "core/gather/gather.h"

namespace hostcheck::gather {
namespace {

kernel::NetnsInfo gone(const std::string& name) {
  kernel::NetnsInfo info;
  info.name = name;
  info.inode = 1;  // no namespace has it
  info.path = "/run/netns/" + name;
  info.asked = true;
  return info;
}

facts::Request counters() {
  facts::Request request;
  request["counters"].add_reader({"netns", "name", "value"}, {});
  return request;
}

TEST(VanishedNamespace, IsNotMissingAmongMany) {
  auto options = plan_namespaces("", false);
  ASSERT_TRUE(options);
  options->asked.push_back(gone("hc-no-such-namespace"));
  const facts::Facts facts = gather(counters(), *options);
  EXPECT_TRUE(facts.absences().empty());
  ASSERT_NE(facts.find("counters"), nullptr);
  EXPECT_GT(facts.find("counters")->size(), 0U);
}

TEST(VanishedNamespace, IsAnAbsenceWhenItIsTheOnlyOne) {
  auto options = plan_namespaces("", false);
  ASSERT_TRUE(options);
  options->asked = {gone("hc-no-such-namespace")};
  const facts::Facts facts = gather(counters(), *options);
  ASSERT_EQ(facts.absences().size(), 1U);
  EXPECT_EQ(facts.absences()[0].code, ErrorCode::vanished);
  EXPECT_EQ(facts.absences()[0].netns, "hc-no-such-namespace");
}

}  // namespace
}  // namespace hostcheck::gather
