#include "core/report/layout.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"

namespace hostcheck::report {
namespace {

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Bytes of the UTF-8 sequence that starts text; 0 when there is none.
std::size_t sequence_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xF0 && lead < 0xF5   ? 4
                           : lead >= 0xE0 && lead < 0xF0 ? 3
                           : lead >= 0xC2 && lead < 0xE0 ? 2
                                                         : 0;
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t at = 1; at < size; ++at) {
    if (!continues(text[at])) return 0;
  }
  return size;
}

// The first bytes of text that fill at most width columns.
std::string_view front(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (!continues(text[at])) {
      if (width == 0) break;
      --width;
    }
    ++at;
  }
  return text.substr(0, at);
}

// The words of a paragraph; a number and the short unit behind it ("7.1 s") are one.
std::vector<std::string_view> words_of(std::string_view paragraph) {
  std::vector<std::string_view> words;
  for (const std::string_view field : split_fields(paragraph)) {
    const bool unit = field.size() <= 3 && field.find_first_of("0123456789") == std::string_view::npos;
    if (unit && !words.empty() && words.back().find_first_not_of("0123456789.") == std::string_view::npos) {
      const char* const start = words.back().data();
      words.back() = {start, static_cast<std::size_t>(field.data() + field.size() - start)};
    } else {
      words.push_back(field);
    }
  }
  return words;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t size = sequence_size(text);
    const bool control =
        lead < 0x20 || lead == 0x7F || (lead == 0xC2 && size == 2 && static_cast<unsigned char>(text[1]) < 0xA0);
    if (size == 0 || control) {
      for (const char c : text.substr(0, std::max<std::size_t>(size, 1))) {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::size_t width_of(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues));
}

std::string pad_right(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t taken = width_of(text);
  if (taken < width) out.append(width - taken, ' ');
  return out;
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t taken = width_of(text);
  return std::string(taken < width ? width - taken : 0, ' ') + std::string(text);
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  for (const std::string_view paragraph : split_lines(text)) {
    std::string line;
    for (std::string_view word : words_of(paragraph)) {
      if (!line.empty() && width_of(line) + 1 + width_of(word) > width) {
        lines.push_back(std::move(line));
        line.clear();
      }
      while (line.empty() && width_of(word) > width) {
        const std::string_view piece = front(word, width);
        lines.emplace_back(piece);
        word.remove_prefix(piece.size());
      }
      if (!line.empty()) line += ' ';
      line += word;
    }
    lines.push_back(std::move(line));
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

}  // namespace hostcheck::report
