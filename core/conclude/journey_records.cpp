#include "core/conclude/journey_records.h"

#include "core/conclude/cells.h"

namespace hostcheck::conclude {

std::vector<JourneyRecord> journey_records(const facts::Facts& facts) {
  std::vector<JourneyRecord> records;
  const facts::TableData* journeys = facts.find("journeys");
  const facts::TableData* steps = facts.find("path_steps");
  for (std::size_t row = 0; journeys != nullptr && row < journeys->size(); ++row) {
    const auto text = [&](std::string_view column) { return text_at(*journeys, row, column); };
    JourneyRecord& record = records.emplace_back();
    record.netns = text("netns");
    record.target = text("target");
    record.address = text("address");
    record.port = static_cast<std::uint16_t>(integer_at(*journeys, row, "port"));
    record.protocol = text("protocol");
    record.source = text("source");
    record.ifname = text("ifname");
    record.next_hop = text("next_hop");
    record.outcome = text("outcome");
    record.words = text("words");
    const std::int64_t id = integer_at(*journeys, row, "journey", -1);
    for (std::size_t at = 0; steps != nullptr && at < steps->size(); ++at) {
      if (integer_at(*steps, at, "journey", -2) != id) continue;
      record.steps.push_back({text_at(*steps, at, "step"), text_at(*steps, at, "verdict"), text_at(*steps, at, "words"),
                              text_at(*steps, at, "source")});
    }
  }
  return records;
}

}  // namespace hostcheck::conclude
