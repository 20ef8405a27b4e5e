// How the parsers of /proc files take text apart and say what is wrong with it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace hostcheck::kernel {

// The file is not what the kernel writes. line: where it is wrong; shortened.
[[nodiscard]] inline Error malformed(std::string_view file, std::string_view detail, std::string_view line = {}) {
  constexpr std::size_t kShown = 60;
  std::string words(detail);
  if (!line.empty()) {
    words += ": '";
    words += line.substr(0, kShown);
    words += line.size() > kShown ? "...'" : "'";
  }
  return make_error(ErrorCode::failed, "parse", file, words);
}

// The kernel ends every line; a text that does not end so was cut short.
[[nodiscard]] inline bool is_whole(std::string_view text) {
  return text.ends_with('\n');
}

// Takes the text up to the next line end, without it.
[[nodiscard]] inline std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Takes the next field between blanks and tabs; "" when there is none.
[[nodiscard]] inline std::string_view take_field(std::string_view& line) {
  std::size_t begin = 0;
  while (begin < line.size() && (line[begin] == ' ' || line[begin] == '\t')) ++begin;
  std::size_t end = begin;
  while (end < line.size() && line[end] != ' ' && line[end] != '\t') ++end;
  const std::string_view field = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return field;
}

}  // namespace hostcheck::kernel
