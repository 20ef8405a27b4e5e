#include "core/facts/facts.h"

#include <cstddef>
#include <string>
#include <unordered_map>

namespace hostcheck::facts {

void Facts::put(std::unique_ptr<TableData> data) {
  std::string name = data->info().name;
  tables_[std::move(name)] = std::move(data);
}

void Facts::keep_only(const Request& tables) {
  std::erase_if(tables_, [&](const auto& each) { return !tables.contains(each.first); });
}

void Facts::forget(std::string_view table) {
  if (const auto found = tables_.find(table); found != tables_.end()) tables_.erase(found);
  std::erase_if(absences_, [&](const Absence& each) { return each.table == table; });
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

namespace {

// The same into a string that is used again.
void make_key(const TableInfo& info, const void* row, std::string& key, std::string& scratch) {
  key.clear();
  for (const Column& column : info.columns) {
    if (!column.key) continue;
    const Cell cell = column.read(row, scratch);
    key += static_cast<char>(cell.kind);
    switch (cell.kind) {
      case Cell::Kind::null:
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
}

// Finds rows of an earlier sample. The kernel lists most tables in the same order twice, so the row after the one that
// was found last is tried first; the index of all is made only when that fails.
class EarlierRows {
 public:
  EarlierRows(const TableInfo& info, std::size_t row_size, std::span<const std::byte> rows)
      : info_(info), row_size_(row_size), rows_(rows) {}

  // nullptr where there was no such row.
  [[nodiscard]] const std::byte* find(const std::string& key) {
    if (next_ < rows_.size()) {
      make_key(info_, rows_.data() + next_, key_, scratch_);
      if (key_ == key) return found(next_);
    }
    if (!indexed_) make_index();
    const auto at = index_.find(key);
    return at == index_.end() ? nullptr : found(at->second);
  }

 private:
  const std::byte* found(std::size_t at) {
    next_ = at + row_size_;
    return rows_.data() + at;
  }
  void make_index() {
    indexed_ = true;
    index_.reserve(rows_.size() / row_size_);
    for (std::size_t at = 0; at < rows_.size(); at += row_size_) {
      make_key(info_, rows_.data() + at, key_, scratch_);
      index_.emplace(key_, at);
    }
  }

  const TableInfo& info_;
  std::size_t row_size_;
  std::span<const std::byte> rows_;
  std::size_t next_ = 0;
  bool indexed_ = false;
  std::unordered_map<std::string, std::size_t> index_;
  std::string key_;
  std::string scratch_;
};

}  // namespace

std::string key_of(const TableInfo& info, const void* row) {
  std::string key;
  std::string scratch;
  make_key(info, row, key, scratch);
  return key;
}

void fill_deltas(const TableInfo& info, std::size_t row_size, std::span<const std::byte> earlier,
                 std::span<std::byte> later, std::chrono::milliseconds span) {
  if (info.counters.empty()) return;
  EarlierRows before(info, row_size, earlier);
  std::string key;
  std::string scratch;
  for (std::size_t at = 0; at < later.size(); at += row_size) {
    make_key(info, later.data() + at, key, scratch);
    const std::byte* row = before.find(key);
    if (row == nullptr) continue;
    for (auto counter : info.counters) {
      Counter* now = counter(later.data() + at);
      // Only read: the accessor gives a mutable counter because it serves both samples.
      const Counter* then = counter(const_cast<std::byte*>(row));  // NOLINT
      if (now == nullptr || then == nullptr) continue;
      now->span_ms = static_cast<std::uint32_t>(span.count());
      now->delta = now->value >= then->value ? std::optional(now->value - then->value) : std::nullopt;
    }
  }
}

}  // namespace hostcheck::facts
