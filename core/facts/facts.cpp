#include "core/facts/facts.h"

#include <cstddef>
#include <string>
#include <unordered_map>

namespace hostcheck::facts {

void Facts::put(std::unique_ptr<TableData> data) {
  std::string name = data->info().name;
  tables_[std::move(name)] = std::move(data);
}

const TableData* Facts::find(std::string_view table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : found->second.get();
}

void Facts::fill_deltas_from(const Facts& earlier, std::string_view table, std::chrono::milliseconds span) {
  const auto now = tables_.find(table);
  const auto then = earlier.tables_.find(table);
  if (now != tables_.end() && then != earlier.tables_.end()) now->second->fill_deltas(*then->second, span);
}

void Facts::add_absence(std::string_view table, std::string_view netns, const Error& error, std::string_view remedy) {
  std::string advice(remedy);
  if (advice.empty() && error.code == ErrorCode::denied) advice = "run as root";
  absences_.push_back({std::string(table), {}, std::string(netns), {}, error.code, error.message(), std::move(advice)});
}

std::string key_of(const TableInfo& info, const void* row) {
  std::string key;
  std::string scratch;
  for (const Column& column : info.columns) {
    if (!column.key) continue;
    const Cell cell = column.read(row, scratch);
    switch (cell.kind) {
      case Cell::Kind::null:
        key += '-';
        break;
      case Cell::Kind::integer:
        key.append(reinterpret_cast<const char*>(&cell.integer), sizeof cell.integer);
        break;
      case Cell::Kind::real:
        key.append(reinterpret_cast<const char*>(&cell.real), sizeof cell.real);
        break;
      case Cell::Kind::text:
        key += cell.text;
        break;
    }
    key += '\0';
  }
  return key;
}

void fill_deltas(const TableInfo& info, std::size_t row_size, std::span<const std::byte> earlier,
                 std::span<std::byte> later, std::chrono::milliseconds span) {
  std::unordered_map<std::string, const std::byte*> before;
  before.reserve(earlier.size() / row_size);
  for (std::size_t at = 0; at < earlier.size(); at += row_size) {
    before.emplace(key_of(info, earlier.data() + at), earlier.data() + at);
  }
  for (std::size_t at = 0; at < later.size(); at += row_size) {
    const auto found = before.find(key_of(info, later.data() + at));
    if (found == before.end()) continue;
    for (auto counter : info.counters) {
      Counter* now = counter(later.data() + at);
      // Only read: the accessor gives a mutable counter because it serves both samples.
      const Counter* then = counter(const_cast<std::byte*>(found->second));  // NOLINT
      if (now == nullptr || then == nullptr) continue;
      now->span_ms = static_cast<std::uint32_t>(span.count());
      now->delta = now->value >= then->value ? std::optional(now->value - then->value) : std::nullopt;
    }
  }
}

}  // namespace hostcheck::facts
