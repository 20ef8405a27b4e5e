#include "core/conclude/suppress.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/checks/text_template.h"

namespace hostcheck::conclude {

bool matches(const Suppression& suppression, const checks::Finding& finding) {
  if (!glob_match(suppression.id, finding.id)) return false;
  if (suppression.subject.empty()) return true;
  std::string whole;
  for (const auto& [name, value] : finding.subject) {
    const std::string text = checks::to_text(value);
    if (glob_match(suppression.subject, text)) return true;
    whole += (whole.empty() ? "" : " ") + name + "=" + text;
  }
  return glob_match(suppression.subject, whole);
}

bool is_over(const Suppression& suppression, std::chrono::sys_days today) {
  return suppression.until && *suppression.until < today;
}

void suppress(Report& report, std::span<const Suppression> suppressions, std::chrono::sys_days today) {
  const auto in_force = [&](const checks::Finding& finding) -> const Suppression* {
    const auto found = std::find_if(suppressions.begin(), suppressions.end(), [&](const Suppression& each) {
      return !is_over(each, today) && matches(each, finding);
    });
    return found == suppressions.end() ? nullptr : &*found;
  };
  std::vector<checks::Finding> left;
  for (checks::Finding& finding : report.findings) {
    if (const Suppression* by = in_force(finding)) {
      report.suppressed.push_back({std::move(finding), *by});
    } else {
      left.push_back(std::move(finding));
    }
  }
  report.findings = std::move(left);
}

}  // namespace hostcheck::conclude
