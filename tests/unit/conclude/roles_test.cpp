#include "core/conclude/roles.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/facts/role.h"
#include "core/sql/database.h"

namespace hostcheck::conclude {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Roles : public ::testing::Test {
 protected:
  Roles() {
    for (const char* table : {"links", "listeners", "sysctls"}) put(table, {});
  }
  // One table's rows: column and value pairs.
  using Row = std::vector<std::pair<std::string, facts::Value>>;
  void put(const std::string& table, const std::vector<Row>& rows) {
    const facts::TableInfo& info = *facts::find_table(table);
    auto data = std::make_unique<facts::ValueRows>(info);
    for (const Row& row : rows) {
      std::vector<facts::Value> values(info.columns.size());
      values[*info.column("netns")] = std::string("init");
      for (const auto& [name, value] : row) values[info.column(name).value()] = value;
      data->rows.push_back(std::move(values));
    }
    facts_.put(std::move(data));
  }
  static Row link(const std::string& name, const facts::Value& kind = {}, const facts::Value& peer = {},
                  const facts::Value& master = {}) {
    return {{"ifname", name},   {"kind", kind},        {"admin_up", std::int64_t{1}}, {"type", std::string("ether")},
            {"master", master}, {"link_netnsid", peer}};
  }
  static Row forwarding(std::int64_t value) { return {{"name", std::string("net.ipv4.ip_forward")}, {"value", value}}; }
  std::vector<std::string> found() {
    fill_roles(facts_, {});
    std::vector<std::string> roles;
    for (const facts::HostRole& each : facts_.rows<facts::HostRole>()) roles.emplace_back(each.role.view());
    return roles;
  }
  facts::Facts facts_;
};

TEST_F(Roles, EveryTableThatIsReadIsAskedFor) {
  EXPECT_TRUE(roles_request().contains("links"));
  EXPECT_TRUE(roles_request().contains("listeners"));
  EXPECT_EQ(roles_request().at("sysctls").only_text("name").value_or(std::vector<std::string>{}).size(), 2U);
}

TEST_F(Roles, AnIdleHostHasNone) {
  put("links", {link("eth0")});
  put("sysctls", {forwarding(1)});
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Roles, AServerListensWhereOthersReachIt) {
  put("listeners", {{{"address", std::string("127.0.0.1")}, {"port", std::int64_t{25}}}});
  EXPECT_THAT(found(), IsEmpty());
  put("listeners", {{{"address", std::string("0.0.0.0")}, {"port", std::int64_t{443}}}});
  EXPECT_THAT(found(), ElementsAre("server"));
}

TEST_F(Roles, ARouterForwardsBetweenInterfacesOfItsOwn) {
  put("links", {link("eth0"), link("eth1")});
  put("sysctls", {forwarding(0)});
  EXPECT_THAT(found(), IsEmpty());
  put("sysctls", {forwarding(1)});
  EXPECT_THAT(found(), ElementsAre("router"));
}

TEST_F(Roles, AContainerHostIsNoRouterByItsBridge) {
  put("links", {link("eth0"), link("docker0", std::string("bridge")),
                link("veth1", std::string("veth"), std::int64_t{0}, std::string("docker0"))});
  put("sysctls", {forwarding(1)});
  EXPECT_THAT(found(), ElementsAre("container_host"));
}

TEST_F(Roles, ALoadBalancerIsKnownByItsProgram) {
  put("listeners",
      {{{"address", std::string("10.0.0.1")}, {"port", std::int64_t{443}}, {"process", std::string("haproxy")}}});
  EXPECT_THAT(found(), ElementsAre("load_balancer", "server"));
}

TEST_F(Roles, WhatIsSetTakesThePlaceOfWhatIsFound) {
  put("links", {link("eth0")});
  put("listeners", {{{"address", std::string("0.0.0.0")}, {"port", std::int64_t{443}}}});
  fill_roles(facts_, std::vector<std::string>{"router"});
  ASSERT_EQ(facts_.rows<facts::HostRole>().size(), 1U);
  EXPECT_EQ(facts_.rows<facts::HostRole>()[0].role.view(), "router");
  EXPECT_TRUE(facts_.rows<facts::HostRole>()[0].set);
}

TEST_F(Roles, AreUnknownWhereTheirFactsAre) {
  facts_.add_absence({"links", "", "init", "", ErrorCode::denied, "RTM_GETLINK: denied", "run as root"});
  fill_roles(facts_, {});
  ASSERT_EQ(facts_.absences().size(), 2U);
  EXPECT_EQ(facts_.absences()[1].table, "roles");
  EXPECT_EQ(facts_.absences()[1].reason, "links: RTM_GETLINK: denied");
}

}  // namespace
}  // namespace hostcheck::conclude
