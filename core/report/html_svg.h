// What the drawings of the HTML report are put together from; used by html_*.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hostcheck::report {

inline constexpr int kDrawingWidth = 336;          // units; what a phone leaves for it in CSS pixels
inline constexpr std::size_t kTitleColumns = 38;   // characters that surely fit beside each other: class step
inline constexpr std::size_t kSmallColumns = 44;   // class small
inline constexpr std::size_t kBesideColumns = 39;  // class small, right of a mark

// <svg> of that width; the label says in words what it shows.
[[nodiscard]] std::string open_svg(int height, std::string_view label);
// Text from x on; text_until() ends it at x.
[[nodiscard]] std::string text_at(int x, int y, std::string_view css_class, std::string_view text);
[[nodiscard]] std::string text_until(int x, int y, std::string_view css_class, std::string_view text);
// Text in lines of at most so many columns, the first at y, which is then where the next would be.
[[nodiscard]] std::string lines_at(int x, int& y, std::string_view css_class, std::string_view text,
                                   std::size_t columns);
// At most so many columns, the last an ellipsis where something was cut off.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns);

// Told by its form too, not by its colour alone.
enum class Mark : std::uint8_t {
  passes,     // a tick
  stops,      // a cross
  warns,      // an exclamation mark
  notes,      // an i
  unknown,    // a question mark
  untouched,  // a ring: nothing to say, or not reached
};
inline constexpr int kMarkX = 14;    // middle of a mark
inline constexpr int kBesideX = 34;  // where text right of it begins
// A mark with its middle at kMarkX and y.
[[nodiscard]] std::string mark_at(int y, Mark mark);

}  // namespace hostcheck::report
