#include "core/conclude/evidence_findings.h"

#include <optional>
#include <set>
#include <variant>

#include "core/base/text.h"

namespace hostcheck::conclude {
namespace {

enum class Fit : std::uint8_t { says_nothing, fits, differs };

Fit fit_of(bool fits) {
  return fits ? Fit::fits : Fit::differs;
}

// "10.0.0.1:80", "[::]:80", "10.0.0.1"
bool is_endpoint(std::string_view text, const IpAddress& address, std::uint16_t port) {
  const auto colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const bool with_port = bracketed || (colon != std::string_view::npos && text.find(':') == colon);
  std::string_view host = with_port ? text.substr(0, colon) : text;
  if (bracketed && host.size() >= 2) host = host.substr(1, host.size() - 2);
  const auto parsed = IpAddress::parse(host);
  if (!parsed || (*parsed != address && !parsed->is_any())) return false;
  return !with_port || parse_number<std::uint16_t>(text.substr(colon + 1)) == port;
}

Fit fit_of(std::string_view key, const facts::Value& value, const RowSubject& row) {
  const auto* text = std::get_if<std::string>(&value);
  if (key == "netns") return text != nullptr && *text == row.netns ? Fit::says_nothing : Fit::differs;
  if (key == "port" || key == "local_port") {
    const auto* number = std::get_if<std::int64_t>(&value);
    return number == nullptr ? Fit::says_nothing : fit_of(*number == row.port);
  }
  if (text == nullptr) return Fit::says_nothing;
  if (key == "local" || key == "address") return fit_of(is_endpoint(*text, row.local, row.port));
  if (key == "peer") return fit_of(is_endpoint(*text, row.peer, 0) || text->find(row.peer.to_string() + ":") == 0);
  return Fit::says_nothing;
}

bool is_about(const checks::Finding& finding, const RowSubject& row) {
  bool fits = false;
  for (const auto& [key, value] : finding.subject) {
    const Fit fit = fit_of(key, value, row);
    if (fit == Fit::differs) return false;
    fits = fits || fit == Fit::fits;
  }
  return fits;
}

}  // namespace

std::string findings_about(std::span<const checks::Finding> findings, const RowSubject& row) {
  std::set<std::string_view> ids;
  for (const checks::Finding& each : findings) {
    if (each.status != checks::Status::refuted && is_about(each, row)) ids.insert(each.id);
  }
  std::string words;
  for (const std::string_view id : ids) words += (words.empty() ? "; of " : ", ") + std::string(id);
  return words;
}

}  // namespace hostcheck::conclude
