#include "core/base/text.h"

#include <algorithm>
#include <cmath>

namespace hostcheck {
namespace {

// Inserting, removing or changing a letter and exchanging two neighbours each count one.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string_view> split_fields(std::string_view text) {
  std::vector<std::string_view> fields;
  std::size_t at = 0;
  while (true) {
    at = text.find_first_not_of(" \t\r\n", at);
    if (at == std::string_view::npos) return fields;
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    fields.push_back(text.substr(at, end - at));
    at = end;
  }
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string_view nearest_name(std::string_view name, std::span<const std::string> candidates) {
  std::string_view best;
  std::size_t best_distance = (name.size() <= 3 ? 1 : std::max<std::size_t>(2, name.size() / 3)) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  // A part of a longer name is what people remember of it.
  for (const std::string& candidate : candidates) {
    if (!best.empty() || name.size() < 4) break;
    if (candidate.find(name) != std::string::npos) best = candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::string_view nearest = nearest_name(name, candidates);
  return nearest.empty() ? std::string{} : " (did you mean '" + std::string(nearest) + "'?)";
}

bool is_clean_text(std::string_view text) {
  // Most of most texts is ASCII: as many bytes at a time as the processor compares at once.
  constexpr std::size_t kBlock = 32;
  const auto is_plain = [](std::string_view block) {
    unsigned odd = 0;
    for (const char c : block) {
      const auto byte = static_cast<unsigned char>(c);
      odd |= static_cast<unsigned>((byte < ' ' && byte != '\n' && byte != '\t') || byte >= 0x7f);
    }
    return odd == 0;
  };
  while (text.size() >= kBlock && is_plain(text.substr(0, kBlock))) text.remove_prefix(kBlock);
  std::size_t more = 0;        // continuation bytes to come
  std::uint32_t point = 0;     // code point so far
  std::uint32_t smallest = 0;  // that its length is needed for
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (more > 0) {
      if ((byte & 0xc0U) != 0x80U) return false;
      point = point << 6 | (byte & 0x3fU);
      if (--more == 0 && (point < smallest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))) return false;
    } else if (byte >= 0xf0U && byte < 0xf8U) {
      more = 3, point = byte & 0x07U, smallest = 0x10000;
    } else if (byte >= 0xe0U && byte < 0xf0U) {
      more = 2, point = byte & 0x0fU, smallest = 0x800;
    } else if (byte >= 0xc0U && byte < 0xe0U) {
      more = 1, point = byte & 0x1fU, smallest = 0x80;
    } else if (byte >= 0x80U || byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\t')) {
      return false;
    }
  }
  return more == 0;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto invalid = [&] {
    return unexpected(make_error(ErrorCode::invalid, "duration", text, "write it as 500ms, 2s or 1m"));
  };
  const std::size_t unit_at = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + unit_at, number);
  if (error != std::errc{} || end != text.data() + unit_at) return invalid();
  const std::string_view unit = text.substr(unit_at);
  double factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1000;
  if (unit == "m" || unit == "min") factor = 60'000;
  if (unit == "h") factor = 3'600'000;
  if (factor == 0 && !(unit.empty() && number == 0)) return invalid();
  const double milliseconds = number * factor;
  if (!std::isfinite(milliseconds) || milliseconds > 86'400'000.0) {
    return unexpected(make_error(ErrorCode::invalid, "duration", text, "at most 24h"));
  }
  return std::chrono::milliseconds(std::llround(milliseconds));
}

}  // namespace hostcheck
