// Rows on their way into PostgreSQL, in the text format of COPY.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/facts/cell.h"

namespace hostcheck::fleet {

// Text with its control characters escaped; what is no UTF-8, and NUL, which PostgreSQL does not take, is U+FFFD.
void append_copy_text(std::string& out, std::string_view text);

// Rows of one list of columns of one table.
class Rows {
 public:
  void begin(std::string_view host);
  void add(const facts::Cell& cell);
  void add(std::string_view text) { add(facts::text_cell(text)); }
  void add(std::int64_t number) { add(facts::integer_cell(number)); }
  // "" reads as NULL.
  void add_text(std::string_view text) { add(text.empty() ? facts::Cell{} : facts::text_cell(text)); }
  void add_null() { add(facts::Cell{}); }
  void end();

  void append(const Rows& other);
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

// By the COPY statement that takes them.
using RowSet = std::map<std::string, Rows, std::less<>>;
[[nodiscard]] std::size_t bytes_of(const RowSet& rows);

// columns without `host`, which comes first.
[[nodiscard]] std::string copy_statement(std::string_view table, std::span<const std::string> columns);

}  // namespace hostcheck::fleet
