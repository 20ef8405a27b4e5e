#include <gtest/gtest.h>

#include "core/facts/facts.h"
#include "core/facts/table.h"

namespace hostcheck::facts {
namespace {

using std::chrono::milliseconds;

// A row with each kind of counter that a table may have.
struct Port {
  Symbol name;
  std::uint32_t queue = 0;
  IpAddress address;
  Counter packets;
  std::optional<Counter> drops;
  Counter* errors = nullptr;
  static Counter* errors_of(Port& row) { return row.errors; }
  static const TableInfo& table() {
    static const TableInfo info = TableBuilder<Port>("ports", "For this test")
                                      .key<&Port::name>("name", "", "", "")
                                      .key<&Port::queue>("queue", "", "", "")
                                      .key<&Port::address>("address", "", "", "")
                                      .counter<&Port::packets>("packets", "packets", "", "Packets")
                                      .counter<&Port::drops>("drops", "packets", "", "Drops")
                                      .counter_from<&Port::errors_of>("errors", "errors", "", "Errors")
                                      .build();
    return info;
  }
};

Value shown(const Facts& facts, std::size_t row, std::string_view column) {
  const TableData* data = facts.find("ports");
  const auto at = data->info().column(column);
  EXPECT_TRUE(at) << column;
  std::string scratch;
  return to_value(data->cell(row, *at, scratch));
}

Port port(Facts& facts, std::string_view name, std::uint32_t queue, std::uint64_t packets) {
  Port row;
  row.name = facts.intern(name);
  row.queue = queue;
  row.packets = packets;
  return row;
}

Value number(std::int64_t value) {
  return value;
}
constexpr Value kNull;

TEST(Deltas, AreTheIncreaseAndItsRate) {
  Facts before;
  Facts after;
  before.rows<Port>().push_back(port(before, "eth0", 0, 100));
  after.rows<Port>().push_back(port(after, "eth0", 0, 150));
  after.fill_deltas_from(before, "ports", milliseconds(2000));
  EXPECT_EQ(shown(after, 0, "packets"), number(150));
  EXPECT_EQ(shown(after, 0, "packets_delta"), number(50));
  EXPECT_EQ(shown(after, 0, "packets_per_second"), Value(25.0));
}

TEST(Deltas, AreAbsentWithoutASecondSample) {
  Facts facts;
  facts.rows<Port>().push_back(port(facts, "eth0", 0, 100));
  EXPECT_EQ(shown(facts, 0, "packets"), number(100));
  EXPECT_EQ(shown(facts, 0, "packets_delta"), kNull);
  EXPECT_EQ(shown(facts, 0, "packets_per_second"), kNull);
}

TEST(Deltas, MatchRowsByAllTheirKeysWhateverTheirOrder) {
  Facts before;
  Facts after;
  for (const std::uint32_t queue : {0U, 1U, 2U}) before.rows<Port>().push_back(port(before, "eth0", queue, 10 * queue));
  for (const std::uint32_t queue : {2U, 0U, 1U})
    after.rows<Port>().push_back(port(after, "eth0", queue, 10 * queue + queue));
  after.fill_deltas_from(before, "ports", milliseconds(1000));
  EXPECT_EQ(shown(after, 0, "packets_delta"), number(2));
  EXPECT_EQ(shown(after, 1, "packets_delta"), number(0));
  EXPECT_EQ(shown(after, 2, "packets_delta"), number(1));
}

TEST(Deltas, OfARowThatIsNewAreAbsent) {
  Facts before;
  Facts after;
  before.rows<Port>().push_back(port(before, "eth0", 0, 100));
  after.rows<Port>().push_back(port(after, "eth0", 0, 101));
  after.rows<Port>().push_back(port(after, "eth1", 0, 7));
  after.fill_deltas_from(before, "ports", milliseconds(1000));
  EXPECT_EQ(shown(after, 0, "packets_delta"), number(1));
  EXPECT_EQ(shown(after, 1, "packets_delta"), kNull);
}

TEST(Deltas, OfACounterThatWentBackwardsAreAbsent) {
  Facts before;
  Facts after;
  before.rows<Port>().push_back(port(before, "eth0", 0, 100));
  after.rows<Port>().push_back(port(after, "eth0", 0, 3));
  after.fill_deltas_from(before, "ports", milliseconds(1000));
  EXPECT_EQ(shown(after, 0, "packets"), number(3));
  EXPECT_EQ(shown(after, 0, "packets_delta"), kNull);
}

TEST(Deltas, OfACounterThatOnlyOneSampleHasAreAbsent) {
  Facts before;
  Facts after;
  for (Facts* facts : {&before, &after}) {
    facts->rows<Port>().push_back(port(*facts, "eth0", 0, 1));
    facts->rows<Port>().push_back(port(*facts, "eth1", 0, 1));
  }
  after.rows<Port>()[0].drops = Counter(5);   // told now, not told before: 5 is no increase
  before.rows<Port>()[1].drops = Counter(5);  // the other way round
  after.fill_deltas_from(before, "ports", milliseconds(1000));
  EXPECT_EQ(shown(after, 0, "drops"), number(5));
  EXPECT_EQ(shown(after, 0, "drops_delta"), kNull);
  EXPECT_EQ(shown(after, 1, "drops"), kNull);
  EXPECT_EQ(shown(after, 1, "drops_delta"), kNull);
  EXPECT_EQ(shown(after, 0, "packets_delta"), number(0));
}

TEST(Deltas, FollowCountersThatRowsPointTo) {
  Facts before;
  Facts after;
  Counter then = 7;
  Counter now = 9;
  before.rows<Port>().push_back(port(before, "eth0", 0, 1));
  after.rows<Port>().push_back(port(after, "eth0", 0, 1));
  before.rows<Port>()[0].errors = &then;
  after.rows<Port>()[0].errors = &now;
  after.fill_deltas_from(before, "ports", milliseconds(500));
  EXPECT_EQ(shown(after, 0, "errors_delta"), number(2));
  EXPECT_EQ(shown(after, 0, "errors_per_second"), Value(4.0));
  EXPECT_FALSE(then.delta);
}

TEST(Deltas, KeysThatLookAlikeAreNotTheSame) {
  Facts before;
  Facts after;
  before.rows<Port>().push_back(port(before, "-", 0, 1));
  before.rows<Port>().push_back(port(before, "", 1, 1));
  after.rows<Port>().push_back(port(after, "", 0, 5));
  after.rows<Port>().push_back(port(after, "-", 1, 5));
  after.fill_deltas_from(before, "ports", milliseconds(1000));
  EXPECT_EQ(shown(after, 0, "packets_delta"), kNull) << "no name is not the name -";
  EXPECT_EQ(shown(after, 1, "packets_delta"), kNull);
}

TEST(Deltas, OfRowsAmongWhichSomeCameAndWent) {
  Facts before;
  Facts after;
  for (std::uint32_t queue = 0; queue < 100; ++queue) before.rows<Port>().push_back(port(before, "eth0", queue, 10));
  for (std::uint32_t queue = 1; queue < 150; queue += 2)
    after.rows<Port>().push_back(port(after, "eth0", queue, 10 + queue));
  after.fill_deltas_from(before, "ports", milliseconds(1000));
  for (std::size_t row = 0; row < 75; ++row) {
    const auto queue = static_cast<std::int64_t>(2 * row + 1);
    EXPECT_EQ(shown(after, row, "packets_delta"), queue < 100 ? number(queue) : kNull) << queue;
  }
}

TEST(Deltas, OfATableThatWasNotSampledTwiceChangeNothing) {
  Facts before;
  Facts after;
  after.rows<Port>().push_back(port(after, "eth0", 0, 5));
  after.fill_deltas_from(before, "ports", milliseconds(1000));
  after.fill_deltas_from(before, "no_such_table", milliseconds(1000));
  EXPECT_EQ(shown(after, 0, "packets_delta"), kNull);
}

TEST(Facts, KeepWhatRowsPointTo) {
  auto facts = std::make_unique<Facts>();
  auto counter = std::make_shared<Counter>(3);
  const std::weak_ptr<Counter> watched = counter;
  facts->rows<Port>().push_back(port(*facts, "eth0", 0, 1));
  facts->rows<Port>()[0].errors = counter.get();
  facts->keep(std::move(counter));
  Facts moved = std::move(*facts);
  facts.reset();
  EXPECT_EQ(shown(moved, 0, "errors"), number(3));
  EXPECT_FALSE(watched.expired());
}

}  // namespace
}  // namespace hostcheck::facts
