#include "core/sql/row_index.h"

#include <bit>
#include <cmath>
#include <functional>
#include <string>

namespace hostcheck::sql {
namespace {

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93ULL;
  value = (value ^ (value >> 32)) * 0xd6e8feb86659fd93ULL;
  return value ^ (value >> 32);
}

std::uint32_t short_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash);
}

}  // namespace

std::uint64_t hash_cell(const facts::Cell& cell) {
  using Kind = facts::Cell::Kind;
  switch (cell.kind) {
    case Kind::null:
      return 0;
    case Kind::integer:
      return mix(static_cast<std::uint64_t>(cell.integer) + 1);
    case Kind::real: {
      constexpr double kExact = 9007199254740992.0;  // 2^53: below it every integer has its own double
      if (std::abs(cell.real) < kExact && cell.real == std::floor(cell.real)) {
        return mix(static_cast<std::uint64_t>(static_cast<std::int64_t>(cell.real)) + 1);
      }
      return mix(std::bit_cast<std::uint64_t>(cell.real));
    }
    case Kind::text:
      return std::hash<std::string_view>{}(cell.text);
  }
  return 0;
}

RowIndex::RowIndex(const facts::TableData& data, std::span<const std::size_t> columns) {
  const std::size_t size = data.size();
  const std::size_t buckets = std::bit_ceil(std::max<std::size_t>(size, 2));
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(buckets));
  heads_.assign(buckets, kEnd);
  next_.assign(size, kEnd);
  hashes_.resize(size);
  std::string scratch;
  // From the last row to the first, so that each chain is in row order.
  for (std::size_t row = size; row-- > 0;) {
    std::uint64_t hash = 0;
    bool complete = true;
    for (const std::size_t column : columns) {
      const facts::Cell cell = data.cell(row, column, scratch);
      complete = complete && cell.kind != facts::Cell::Kind::null;
      hash = combine_hashes(hash, hash_cell(cell));
    }
    if (!complete) continue;
    std::uint32_t& head = heads_[hash >> shift_];
    hashes_[row] = short_of(hash);
    next_[row] = head;
    head = static_cast<std::uint32_t>(row);
  }
}

std::uint32_t RowIndex::skip(std::uint32_t row, std::uint32_t short_hash) const {
  while (row != kEnd && hashes_[row] != short_hash) row = next_[row];
  return row;
}

std::uint32_t RowIndex::first(std::uint64_t hash) const {
  return skip(heads_[hash >> shift_], short_of(hash));
}

std::uint32_t RowIndex::next(std::uint32_t row) const {
  return skip(next_[row], hashes_[row]);
}

}  // namespace hostcheck::sql
