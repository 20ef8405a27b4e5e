// The pieces of the HTML report; used by html*.cpp and their tests only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/conclude/journey_records.h"
#include "core/conclude/report.h"

namespace hostcheck::report {

// Text as it may stand between tags and in quoted attributes: control characters, bytes that are no UTF-8 and what
// turns the direction of writing are shown as escapes.
[[nodiscard]] std::string escape_html(std::string_view text);

// <TAG class="CLASS">text</TAG>, text escaped; no attribute where css_class is "". "" for empty text.
[[nodiscard]] std::string element(std::string_view tag, std::string_view css_class, std::string_view text);

// Drawings, each an inline <svg>; "" where there is nothing to draw. They are as wide as a phone and have what they
// show in words too.
[[nodiscard]] std::string journey_svg(const conclude::JourneyRecord& journey);
// Of probe_hops: who answers at each distance, how late, and what is lost there.
[[nodiscard]] std::string hops_svg(const std::vector<conclude::ProbeRecord::Row>& rows);
// Of probe_sweep_ports: one mark for each source port.
[[nodiscard]] std::string sweep_svg(const std::vector<conclude::ProbeRecord::Row>& rows);

}  // namespace hostcheck::report
