// The pieces of the HTML report; used by html*.cpp and their tests only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/conclude/report.h"
#include "core/report/markup.h"

namespace hostcheck::report {

// <TAG class="CLASS">text</TAG>, text escaped; no attribute where css_class is "". "" for empty text.
[[nodiscard]] std::string element(std::string_view tag, std::string_view css_class, std::string_view text);

// <details>: the summary is seen, the body on demand. "" for an empty body.
[[nodiscard]] std::string folded(const std::string& summary, const std::string& body);
// The pieces escaped, with that between them.
[[nodiscard]] std::string joined(const std::vector<std::string>& pieces, std::string_view between);

// Sections of the page without their titles; "" where there is nothing of it.
[[nodiscard]] std::string findings_of(const conclude::Report& report);
[[nodiscard]] std::string refuted_of(const conclude::Report& report);
[[nodiscard]] std::string suppressed_of(const conclude::Report& report);

// Drawings, each an inline <svg>; "" where there is nothing to draw. They are as wide as a phone and have what they
// show in words too.
// The journey's steps with what stops the packet and the findings that are about a step.
[[nodiscard]] std::string journey_svg(const conclude::JourneyRecord& journey,
                                      std::span<const checks::Finding> findings);
// Where on a packet's way in and out of a host the findings are, each a link to the element of its id; no <svg> of its
// own but a <div>. Halves of it without a finding at warning or above are left out.
[[nodiscard]] std::string way_of(std::span<const checks::Finding> findings);
// Of probe_hops: who answers at each distance, how late, and what is lost there.
[[nodiscard]] std::string hops_svg(const std::vector<conclude::ProbeRecord::Row>& rows);
// Of probe_sweep_ports: one mark for each source port.
[[nodiscard]] std::string sweep_svg(const std::vector<conclude::ProbeRecord::Row>& rows);

// A listener's queues over a window of that length, and what it dropped.
[[nodiscard]] std::string queue_svg(const conclude::QueueRecord& queue, std::uint32_t span_ms);
// Packets thrown away over the window, for each reason.
[[nodiscard]] std::string drops_svg(const conclude::Timeline& timeline);

}  // namespace hostcheck::report
