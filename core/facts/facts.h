// The facts of one run: tables of rows, and for what could not be read, why.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/text_pool.h"
#include "core/facts/request.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// Something that was asked for and could not be read.
struct Absence {
  std::string table;    // table name
  std::string column;   // column name; "" when whole rows are missing
  std::string netns;    // namespace; "" for all of them
  std::string subject;  // the one row it is about, e.g. "eth0"; "" for all rows
  ErrorCode code = ErrorCode::failed;
  std::string reason;  // "driver virtio_net does not tell", "RTM_GETLINK: Operation not permitted"
  std::string remedy;  // what would let it be seen, e.g. "run as root"; "" where nothing would
};

// Rows of one table, whatever they are made of.
class TableData {
 public:
  TableData() = default;
  TableData(const TableData&) = delete;
  TableData& operator=(const TableData&) = delete;
  virtual ~TableData() = default;
  [[nodiscard]] virtual const TableInfo& info() const = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  // row < size(), column < info().columns.size(). See Cell for how long its text lives.
  [[nodiscard]] virtual Cell cell(std::size_t row, std::size_t column, std::string& scratch) const = 0;
  // Fills each counter's delta with its increase since an earlier sample of the same table, row by row of equal keys.
  virtual void fill_deltas(const TableData& earlier, std::chrono::milliseconds span) = 0;
};

// The key columns of a row as one comparable string.
[[nodiscard]] std::string key_of(const TableInfo& info, const void* row);
// fill_deltas on bare rows of row_size bytes each.
void fill_deltas(const TableInfo& info, std::size_t row_size, std::span<const std::byte> earlier,
                 std::span<std::byte> later, std::chrono::milliseconds span);

// Rows as their C++ structs.
template <typename Row>
class Rows final : public TableData {
 public:
  std::vector<Row> rows;
  [[nodiscard]] const TableInfo& info() const override { return Row::table(); }
  [[nodiscard]] std::size_t size() const override { return rows.size(); }
  [[nodiscard]] Cell cell(std::size_t row, std::size_t column, std::string& scratch) const override {
    return info_.columns[column].read(&rows[row], scratch);
  }
  void fill_deltas(const TableData& earlier, std::chrono::milliseconds span) override {
    const auto* before = dynamic_cast<const Rows*>(&earlier);
    if (before == nullptr) return;
    facts::fill_deltas(info_, sizeof(Row), std::as_bytes(std::span(before->rows)),
                       std::as_writable_bytes(std::span(rows)), span);
  }

 private:
  const TableInfo& info_ = Row::table();
};

// Rows as plain values: from a rule's test or a snapshot.
class ValueRows final : public TableData {
 public:
  explicit ValueRows(const TableInfo& info) : info_(info) {}
  std::vector<std::vector<Value>> rows;  // each with one value per column
  [[nodiscard]] const TableInfo& info() const override { return info_; }
  [[nodiscard]] std::size_t size() const override { return rows.size(); }
  [[nodiscard]] Cell cell(std::size_t row, std::size_t column, std::string&) const override {
    return to_cell(rows[row][column]);
  }
  void fill_deltas(const TableData&, std::chrono::milliseconds) override {}  // recorded values have theirs already

 private:
  const TableInfo& info_;
};

class Facts {
 public:
  Facts() = default;
  Facts(Facts&&) = default;
  Facts& operator=(Facts&&) = default;

  // The rows of a table, made empty at the first call. Never mix with put() for one table.
  template <typename Row>
  [[nodiscard]] std::vector<Row>& rows() {
    auto& slot = tables_[Row::table().name];
    if (slot == nullptr) slot = std::make_unique<Rows<Row>>();
    return static_cast<Rows<Row>&>(*slot).rows;
  }
  // Puts a table in place of what was there.
  void put(std::unique_ptr<TableData> data);
  // Drops every table that is not one of these.
  void keep_only(const Request& tables);
  // As if the table had never been asked for: without its rows and absences.
  void forget(std::string_view table);
  // nullptr when the table was not asked for (nothing was gathered into it).
  [[nodiscard]] const TableData* find(std::string_view table) const;
  // Deltas of one table against an earlier sample; nothing happens where either has no such table.
  void fill_deltas_from(const Facts& earlier, std::string_view table, std::chrono::milliseconds span);

  void add_absence(Absence absence) { absences_.push_back(std::move(absence)); }
  // Absence of whole tables in a namespace because of an error.
  void add_absence(std::string_view table, std::string_view netns, const Error& error, std::string_view remedy = {});
  [[nodiscard]] const std::vector<Absence>& absences() const { return absences_; }

  [[nodiscard]] Symbol intern(std::string_view text) { return pool_->intern(text); }
  // Keeps what rows point to (parts of a row that are not always asked for) as long as these facts live.
  void keep(std::shared_ptr<void> what) { kept_.push_back(std::move(what)); }

  // Time between the two samples; zero when there was one sample only.
  std::chrono::milliseconds observed{0};

 private:
  std::map<std::string, std::unique_ptr<TableData>, std::less<>> tables_;
  std::vector<Absence> absences_;
  std::vector<std::shared_ptr<void>> kept_;
  std::unique_ptr<TextPool> pool_ = std::make_unique<TextPool>();
};

}  // namespace hostcheck::facts
