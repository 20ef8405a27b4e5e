// Text laid out for people: widths, wrapping, and nothing in it that a terminal would act on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hostcheck::report {

// Control characters and bytes that are no UTF-8 as \xNN: names come from processes and devices that may be hostile.
[[nodiscard]] std::string printable(std::string_view text);
// Columns that UTF-8 text takes on a terminal, one for each code point.
[[nodiscard]] std::size_t width_of(std::string_view text);
// text and blanks up to width columns; longer text stays as it is.
[[nodiscard]] std::string pad_right(std::string_view text, std::size_t width);
[[nodiscard]] std::string pad_left(std::string_view text, std::size_t width);
// Lines of at most width columns, broken between words; a single longer word is cut where it has to be. A newline in
// the text ends a line. Never empty: empty text is one empty line.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);

}  // namespace hostcheck::report
