#include "core/fleet/rows.h"

#include <fmt/format.h>

#include "core/fleet/schema.h"

namespace hostcheck::fleet {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool continues(unsigned char byte) {
  return (byte & 0xC0U) == 0x80U;
}

// Bytes of the UTF-8 character that text begins with; 0 where there is none (RFC 3629: no surrogates, nothing
// overlong).
std::size_t character_at(std::string_view text) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(byte(1)) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned lowest = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned highest = first == 0xED ? 0x9F : 0xBF;
    return byte(1) >= lowest && byte(1) <= highest && continues(byte(2)) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned lowest = first == 0xF0 ? 0x90 : 0x80;
    const unsigned highest = first == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= lowest && byte(1) <= highest && continues(byte(2)) && continues(byte(3)) ? 4 : 0;
  }
  return 0;
}

bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 && c != '\\';
}

}  // namespace

void append_copy_text(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const char c = text.front();
    const std::size_t size = c == '\0' ? 0 : character_at(text);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\\') {
      out += "\\\\";
    } else {
      out.append(size == 0 ? kReplacement : text.substr(0, size));
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
}

void Rows::begin(std::string_view host) {
  append_copy_text(text_, host);
}

void Rows::add(const facts::Cell& cell) {
  text_ += '\t';
  switch (cell.kind) {
    case facts::Cell::Kind::null:
      text_ += "\\N";
      break;
    case facts::Cell::Kind::integer: {
      const fmt::format_int digits(cell.integer);
      text_.append(digits.data(), digits.size());
      break;
    }
    case facts::Cell::Kind::real:
      fmt::format_to(std::back_inserter(text_), "{}", cell.real);
      break;
    case facts::Cell::Kind::text:
      append_copy_text(text_, cell.text);
      break;
  }
}

void Rows::end() {
  text_ += '\n';
  ++count_;
}

void Rows::append(const Rows& other) {
  text_ += other.text_;
  count_ += other.count_;
}

std::size_t bytes_of(const RowSet& rows) {
  std::size_t bytes = 0;
  for (const auto& [statement, each] : rows) bytes += each.text().size();
  return bytes;
}

std::string copy_statement(std::string_view table, std::span<const std::string> columns) {
  std::string out = fmt::format("COPY {} (\"host\"", quoted_name(table));
  for (const std::string& column : columns) out += ", " + quoted_name(column);
  return out + ") FROM STDIN";
}

}  // namespace hostcheck::fleet
