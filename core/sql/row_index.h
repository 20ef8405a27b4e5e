// Rows of a table by the values of some of its columns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/facts/facts.h"

namespace hostcheck::sql {

// Equal numbers hash alike whether they are kept as integer or real.
[[nodiscard]] std::uint64_t hash_cell(const facts::Cell& cell);
[[nodiscard]] inline std::uint64_t combine_hashes(std::uint64_t seed, std::uint64_t next) {
  return (seed ^ next) * 0x9e3779b97f4a7c15ULL + (seed >> 29);
}

// A hash index. It answers with every row whose columns equal the values asked for and, rarely, with others; whoever
// asks compares again. Rows with a NULL in one of the columns are not in it.
class RowIndex {
 public:
  static constexpr std::uint32_t kEnd = 0xffffffff;
  // data must have fewer than kEnd rows.
  RowIndex(const facts::TableData& data, std::span<const std::size_t> columns);
  // First row that may have the columns' combined hash, in row order; kEnd when there is none.
  [[nodiscard]] std::uint32_t first(std::uint64_t hash) const;
  // The next such row after row.
  [[nodiscard]] std::uint32_t next(std::uint32_t row) const;

 private:
  [[nodiscard]] std::uint32_t skip(std::uint32_t row, std::uint32_t short_hash) const;
  std::vector<std::uint32_t> heads_;   // by the upper bits of the hash
  std::vector<std::uint32_t> next_;    // by row
  std::vector<std::uint32_t> hashes_;  // by row
  unsigned shift_ = 63;
};

}  // namespace hostcheck::sql
