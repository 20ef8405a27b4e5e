#include "core/facts/request.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/facts/row_filter.h"
#include "core/facts/socket.h"

namespace hostcheck::facts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;
using testing::UnorderedElementsAre;
using Op = Constraint::Op;

Constraint equal(std::string column, Value value) {
  return {std::move(column), Op::eq, std::move(value)};
}
Value text(std::string value) {
  return value;
}
Value number(std::int64_t value) {
  return value;
}

TEST(TableRequest, WantsWhatAnyReaderReads) {
  TableRequest request;
  request.add_reader({"a", "b_delta"}, {});
  request.add_reader({"c"}, {});
  EXPECT_TRUE(request.wants("a"));
  EXPECT_TRUE(request.wants("c"));
  EXPECT_FALSE(request.wants("b"));
  EXPECT_TRUE(request.wants_observation());
}

TEST(TableRequest, NeedsOneSampleWhereNobodyReadsADelta) {
  TableRequest request;
  request.add_reader({"delta", "per_second", "a"}, {});
  EXPECT_FALSE(request.wants_observation());
  request.add_reader({"a_per_second"}, {});
  EXPECT_TRUE(request.wants_observation());
}

TEST(TableRequest, NarrowsAColumnOnlyWhenEveryReaderDoes) {
  TableRequest request;
  EXPECT_EQ(request.only("state"), std::nullopt) << "no readers: no narrowing";
  request.add_reader({"state"}, {equal("state", text("SYN_SENT"))});
  EXPECT_THAT(request.only_text("state"), Optional(ElementsAre("SYN_SENT")));
  request.add_reader({"state"}, {equal("port", number(80)), equal("state", text("CLOSE_WAIT"))});
  EXPECT_THAT(request.only_text("state"), Optional(UnorderedElementsAre("SYN_SENT", "CLOSE_WAIT")));
  EXPECT_EQ(request.only_integers("port"), std::nullopt);
  request.add_reader({"state"}, {equal("state", text("CLOSE_WAIT"))});
  EXPECT_THAT(request.only_text("state"), Optional(UnorderedElementsAre("SYN_SENT", "CLOSE_WAIT"))) << "each once";
  request.add_reader({"port"}, {});
  EXPECT_EQ(request.only_text("state"), std::nullopt);
}

TEST(TableRequest, OtherTermsThanEqualityNarrowNothing) {
  for (const Op op : {Op::ne, Op::lt, Op::le, Op::gt, Op::ge, Op::glob, Op::like, Op::is_null, Op::not_null}) {
    TableRequest request;
    request.add_reader({"port"}, {{"port", op, number(80)}});
    EXPECT_EQ(request.only_integers("port"), std::nullopt);
  }
}

TEST(TableRequest, AnIntegerColumnComparedWithTextIsLeftToSql) {
  TableRequest request;
  request.add_reader({"port"}, {equal("port", text("80"))});
  EXPECT_EQ(request.only_integers("port"), std::nullopt);
}

TEST(TableRequest, PatternsAreEqualityOrGlob) {
  TableRequest request;
  request.add_reader({"name"}, {equal("name", text("net.ipv4.ip_forward"))});
  request.add_reader({"name"}, {{"name", Op::glob, text("net.ipv4.conf.*")}});
  EXPECT_THAT(request.only_patterns("name"), Optional(UnorderedElementsAre("net.ipv4.ip_forward", "net.ipv4.conf.*")));
  request.add_reader({"name"}, {{"name", Op::like, text("net%")}});
  EXPECT_EQ(request.only_patterns("name"), std::nullopt);
}

TEST(TableRequest, MayWantAsksEachReaderForAllItsTerms) {
  TableRequest request;
  EXPECT_TRUE(request.may_want("port", number(1))) << "no readers: everything";
  request.add_reader({"port"}, {{"port", Op::ge, number(10)}, {"port", Op::lt, number(20)}});
  EXPECT_TRUE(request.may_want("port", number(10)));
  EXPECT_FALSE(request.may_want("port", number(20)));
  EXPECT_TRUE(request.may_want("other", number(99)));
  request.add_reader({"port"}, {equal("port", number(99))});
  EXPECT_TRUE(request.may_want("port", number(99)));
  EXPECT_FALSE(request.may_want("port", number(98)));
}

TEST(TableRequest, ReadersOfColumnsAreThoseAlone) {
  constexpr std::array<std::string_view, 2> kOwner = {"pid", "process"};
  TableRequest request;
  request.add_reader({"state", "remote"}, {});
  EXPECT_THAT(request.readers_of(kOwner).readers(), IsEmpty());
  request.add_reader({"state", "pid"}, {equal("state", text("SYN_SENT"))});
  const TableRequest owners = request.readers_of(kOwner);
  ASSERT_EQ(owners.readers().size(), 1U);
  EXPECT_THAT(owners.only_text("state"), Optional(ElementsAre("SYN_SENT")));
  EXPECT_FALSE(owners.wants("remote"));
}

TEST(TableRequest, MergingKeepsWhichReaderReadsWhat) {
  constexpr std::array<std::string_view, 1> kPid = {"pid"};
  TableRequest one;
  one.add_reader({"state"}, {});
  TableRequest other;
  other.add_reader({"pid"}, {equal("port", number(80))});
  one.merge(other);
  EXPECT_TRUE(one.wants("state"));
  EXPECT_TRUE(one.wants("pid"));
  EXPECT_EQ(one.only_integers("port"), std::nullopt);
  EXPECT_THAT(one.readers_of(kPid).only_integers("port"), Optional(ElementsAre(80)));
}

TEST(Satisfies, NullSatisfiesOnlyIsNull) {
  for (const Op op : {Op::eq, Op::ne, Op::lt, Op::le, Op::gt, Op::ge, Op::glob, Op::like, Op::not_null}) {
    EXPECT_FALSE(satisfies(Cell{}, {"c", op, number(0)}));
  }
  EXPECT_TRUE(satisfies(Cell{}, {"c", Op::is_null, {}}));
  EXPECT_FALSE(satisfies(integer_cell(0), {"c", Op::is_null, {}}));
  EXPECT_TRUE(satisfies(integer_cell(0), {"c", Op::not_null, {}}));
  EXPECT_FALSE(satisfies(integer_cell(0), {"c", Op::eq, {}})) << "= NULL is never true";
}

TEST(Satisfies, ComparesAsSqlDoes) {
  EXPECT_TRUE(satisfies(integer_cell(2), {"c", Op::eq, 2.0}));
  EXPECT_TRUE(satisfies(real_cell(2.5), {"c", Op::gt, number(2)}));
  EXPECT_TRUE(satisfies(text_cell("2"), {"c", Op::gt, number(1000)})) << "text sorts after every number";
  EXPECT_TRUE(satisfies(text_cell("B"), {"c", Op::lt, text("a")})) << "bytes, not letters";
  EXPECT_TRUE(satisfies(integer_cell(9007199254740993), {"c", Op::gt, number(9007199254740992)}));
  EXPECT_TRUE(satisfies(text_cell("eth0"), {"c", Op::glob, text("eth?")}));
  EXPECT_FALSE(satisfies(text_cell("eth10"), {"c", Op::glob, text("eth?")}));
  EXPECT_TRUE(satisfies(text_cell("ETH0"), {"c", Op::like, text("eth_")}));
  EXPECT_TRUE(satisfies(text_cell("a.b.c"), {"c", Op::like, text("%b%")}));
  EXPECT_FALSE(satisfies(text_cell("a.c"), {"c", Op::like, text("%b%")}));
}

Connection connection(SocketState state, std::uint16_t port) {
  Connection row;
  row.state = state;
  row.local_port = port;
  return row;
}

TEST(RowFilter, WantsARowThatAnyReaderWants) {
  TableRequest request;
  request.add_reader({"state"}, {equal("state", text("SYN_SENT"))});
  request.add_reader({"state"}, {equal("local_port", number(80)), {"state", Op::ne, text("TIME_WAIT")}});
  RowFilter filter(Connection::table(), &request);
  const auto wants = [&](SocketState state, std::uint16_t port) {
    const Connection row = connection(state, port);
    return filter.wants(&row);
  };
  EXPECT_TRUE(wants(SocketState::syn_sent, 1));
  EXPECT_TRUE(wants(SocketState::established, 80));
  EXPECT_FALSE(wants(SocketState::time_wait, 80));
  EXPECT_FALSE(wants(SocketState::established, 81));
}

TEST(RowFilter, AReaderWithoutTermsWantsEverything) {
  TableRequest request;
  request.add_reader({"state"}, {equal("state", text("SYN_SENT"))});
  request.add_reader({"state"}, {});
  EXPECT_TRUE(RowFilter(Connection::table(), &request).wants_all());
  EXPECT_TRUE(RowFilter(Connection::table(), nullptr).wants_all());
}

TEST(RowFilter, WhatARowDoesNotHaveYetDoesNotSpeakAgainstIt) {
  constexpr std::array<std::string_view, 1> kUnknown = {"process"};
  TableRequest request;
  request.add_reader({"process"}, {equal("process", text("nginx")), equal("local_port", number(80))});
  RowFilter known(Connection::table(), &request);
  RowFilter unknown(Connection::table(), &request, kUnknown);
  const Connection fits = connection(SocketState::established, 80);
  const Connection other = connection(SocketState::established, 81);
  EXPECT_FALSE(known.wants(&fits));
  EXPECT_TRUE(unknown.wants(&fits));
  EXPECT_FALSE(unknown.wants(&other));
}

TEST(RowFilter, DeltasAndOddTypesAreLeftToSql) {
  TableRequest request;
  request.add_reader({"retransmits_delta"}, {{"retransmits_delta", Op::gt, number(0)}});
  RowFilter deltas(Connection::table(), &request);
  const Connection row = connection(SocketState::established, 80);
  EXPECT_TRUE(deltas.wants(&row));
  TableRequest odd;
  odd.add_reader({"local_port"}, {equal("local_port", text("80"))});
  EXPECT_TRUE(RowFilter(Connection::table(), &odd).wants(&row));
}

}  // namespace
}  // namespace hostcheck::facts
