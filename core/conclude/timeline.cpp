#include "core/conclude/timeline.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "core/conclude/cells.h"

namespace hostcheck::conclude {
namespace {

std::uint32_t small_at(const facts::TableData& table, std::size_t row, std::string_view column) {
  return static_cast<std::uint32_t>(integer_at(table, row, column));
}

std::optional<std::int64_t> known_at(const facts::TableData& table, std::size_t row, std::string_view column) {
  const facts::Value value = value_at(table, row, column);
  const auto* integer = std::get_if<std::int64_t>(&value);
  return integer == nullptr ? std::nullopt : std::optional(*integer);
}

std::string local_of(const std::string& address, std::int64_t port) {
  return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, port)
                                                : fmt::format("[{}]:{}", address, port);
}

using Socket = std::pair<std::string, std::int64_t>;  // netns and inode

// Names of the programs behind listening sockets, where the run has looked for them.
std::map<Socket, std::string> processes_of(const facts::Facts& facts) {
  std::map<Socket, std::string> names;
  const facts::TableData* listeners = facts.find("listeners");
  for (std::size_t row = 0; listeners != nullptr && row < listeners->size(); ++row) {
    const std::string process = text_at(*listeners, row, "process");
    if (!process.empty()) names[{text_at(*listeners, row, "netns"), integer_at(*listeners, row, "inode")}] = process;
  }
  return names;
}

std::vector<QueueRecord> queues_of(const facts::TableData& table, const facts::Facts& facts) {
  std::map<Socket, QueueRecord> by_socket;
  for (std::size_t row = 0; row < table.size(); ++row) {
    const std::string netns = text_at(table, row, "netns");
    QueueRecord& record = by_socket[{netns, integer_at(table, row, "inode")}];
    if (record.points.empty()) {
      record.netns = netns;
      record.local = local_of(text_at(table, row, "address"), integer_at(table, row, "port"));
    }
    QueueRecord::Point& point = record.points.emplace_back();
    point.from_ms = small_at(table, row, "from_ms");
    point.until_ms = small_at(table, row, "until_ms");
    point.samples = small_at(table, row, "samples");
    point.queue = small_at(table, row, "accept_queue");
    point.limit = small_at(table, row, "accept_limit");
    if (const auto half_open = known_at(table, row, "half_open")) {
      point.half_open = static_cast<std::uint32_t>(*half_open);
    }
    if (const auto drops = known_at(table, row, "drops")) point.drops = static_cast<std::uint64_t>(*drops);
  }
  const auto processes = processes_of(facts);
  std::vector<QueueRecord> all;
  for (auto& [socket, record] : by_socket) {
    std::sort(record.points.begin(), record.points.end(),
              [](const auto& a, const auto& b) { return a.from_ms < b.from_ms; });
    if (const auto found = processes.find(socket); found != processes.end()) record.process = found->second;
    all.push_back(std::move(record));
  }
  return all;
}

std::string subject_text(const checks::Finding& finding, std::string_view key) {
  for (const auto& [name, value] : finding.subject) {
    if (name != key) continue;
    const auto* text = std::get_if<std::string>(&value);
    return text == nullptr ? std::string{} : *text;
  }
  return {};
}

// How much a listener matters: which finding is about it, else what happened to it; less is more.
struct Weight {
  std::size_t finding = 0;
  bool quiet = true;
  std::uint64_t drops = 0;
  double fullest = 0;  // of its limit

  [[nodiscard]] bool operator<(const Weight& other) const {
    return std::tie(finding, quiet, other.drops, other.fullest) < std::tie(other.finding, other.quiet, drops, fullest);
  }
};

Weight weight_of(const QueueRecord& record, std::span<const checks::Finding> findings) {
  Weight weight;
  weight.finding = findings.size();
  for (std::size_t at = 0; at < findings.size(); ++at) {
    if (findings[at].status == checks::Status::refuted || subject_text(findings[at], "local") != record.local) continue;
    const std::string netns = subject_text(findings[at], "netns");
    if (!netns.empty() && netns != record.netns) continue;
    weight.finding = at;
    break;
  }
  for (const QueueRecord::Point& each : record.points) {
    weight.drops = std::max(weight.drops, each.drops.value_or(0));
    weight.fullest = std::max(weight.fullest, each.queue / (each.limit + 1.0));
    if (each.queue > 0 || each.half_open.value_or(0) > 0) weight.quiet = false;
  }
  if (weight.drops > 0) weight.quiet = false;
  return weight;
}

void choose_queues(std::vector<QueueRecord> all, std::span<const checks::Finding> findings, Timeline& out) {
  out.listeners = all.size();
  std::vector<std::pair<Weight, std::size_t>> order;
  for (std::size_t at = 0; at < all.size(); ++at) {
    const Weight weight = weight_of(all[at], findings);
    if (weight.finding < findings.size() || !weight.quiet) order.emplace_back(weight, at);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [weight, at] : order) {
    if (out.queues.size() < Timeline::kMostQueues) out.queues.push_back(std::move(all[at]));
  }
  out.more_queues = order.size() - out.queues.size();
}

void add_drops(const facts::TableData& table, Timeline& out) {
  std::map<std::tuple<std::string, std::string, std::string>, DropRecord> by_reason;
  for (std::size_t row = 0; row < table.size(); ++row) {
    DropRecord record;
    record.netns = text_at(table, row, "netns");
    record.reason = text_at(table, row, "reason");
    record.place = text_at(table, row, "place");
    DropRecord& known =
        by_reason.try_emplace({record.netns, record.reason, record.place}, std::move(record)).first->second;
    const auto packets = static_cast<std::uint64_t>(integer_at(table, row, "packets"));
    known.packets += packets;
    known.slices.push_back({small_at(table, row, "from_ms"), small_at(table, row, "until_ms"), packets});
  }
  for (auto& [key, record] : by_reason) {
    std::sort(record.slices.begin(), record.slices.end(),
              [](const auto& a, const auto& b) { return a.from_ms < b.from_ms; });
    out.drops.push_back(std::move(record));
  }
  std::stable_sort(out.drops.begin(), out.drops.end(),
                   [](const DropRecord& a, const DropRecord& b) { return a.packets > b.packets; });
  if (out.drops.size() > Timeline::kMostReasons) {
    out.more_drops = out.drops.size() - Timeline::kMostReasons;
    out.drops.resize(Timeline::kMostReasons);
  }
}

}  // namespace

Timeline timeline_of(const facts::Facts& facts, std::span<const checks::Finding> findings) {
  Timeline out;
  for (const char* name : {"queue_samples", "drop_samples"}) {
    const facts::TableData* table = facts.find(name);
    if (table != nullptr && table->size() > 0) out.span_ms = std::max(out.span_ms, small_at(*table, 0, "span_ms"));
  }
  if (out.span_ms == 0) return out;
  if (const facts::TableData* table = facts.find("queue_samples")) {
    choose_queues(queues_of(*table, facts), findings, out);
  }
  if (const facts::TableData* table = facts.find("drop_samples")) add_drops(*table, out);
  return out;
}

facts::Request timeline_reads() {
  facts::Request out;
  out["queue_samples"].add_reader({"netns", "address", "port", "inode", "from_ms", "until_ms", "samples",
                                   "accept_queue", "accept_limit", "half_open", "drops", "span_ms"},
                                  {});
  out["drop_samples"].add_reader({"netns", "reason", "place", "from_ms", "until_ms", "packets", "span_ms"}, {});
  return out;
}

}  // namespace hostcheck::conclude
