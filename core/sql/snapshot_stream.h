// A snapshot read table by table and row by row, whatever tables it has: those of this version, those of another one,
// and those that plugins brought. read_snapshot() gives the same file as facts to judge.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/facts/cell.h"
#include "core/sql/snapshot.h"

namespace hostcheck::sql {

// A column as the snapshot describes it; what the file says nothing about is "".
struct RecordedColumn {
  std::string name;
  facts::Type type = facts::Type::text;
  std::string unit;
  std::string source;
  std::string meaning;
};

struct RecordedTable {
  std::string name;
  std::vector<RecordedColumn> columns;
};

// Valid during the call; as many cells as the table has columns.
using TakeRow = std::function<void(std::span<const facts::Cell>)>;

class SnapshotStream {
 public:
  // Reads what the file says of itself and which tables it has. Error code invalid: no snapshot, truncated, of a newer
  // format, or with a table or column whose name is none of facts (lower-case letters, digits and _, at most 63 bytes).
  [[nodiscard]] static Result<SnapshotStream> open(const std::string& path);
  SnapshotStream(SnapshotStream&&) noexcept;
  SnapshotStream& operator=(SnapshotStream&&) noexcept;
  ~SnapshotStream();

  [[nodiscard]] const SnapshotInfo& info() const;
  [[nodiscard]] std::int64_t observed_ms() const;
  // `host`.machine_id; "" where it is not known.
  [[nodiscard]] const std::string& machine_id() const;
  // Absences among them; `snapshot`, `columns` and `brought` are not.
  [[nodiscard]] const std::vector<RecordedTable>& tables() const;

  // Gives every row of one of tables(), and how many there were. Error code invalid: a cell of another type than its
  // column's, or a broken page.
  [[nodiscard]] Result<std::size_t> each_row(const RecordedTable& table, const TakeRow& take) const;

 private:
  struct State;
  explicit SnapshotStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hostcheck::sql
