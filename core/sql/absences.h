// The table `absences`: what could not be read, as rows.
#pragma once

#include <vector>

#include "core/facts/facts.h"

namespace hostcheck::sql {

// Reads absences in place; they must outlive it.
class AbsenceRows final : public facts::TableData {
 public:
  explicit AbsenceRows(const std::vector<facts::Absence>& absences) : absences_(absences) {}
  [[nodiscard]] const facts::TableInfo& info() const override;
  [[nodiscard]] std::size_t size() const override { return absences_.size(); }
  [[nodiscard]] facts::Cell cell(std::size_t row, std::size_t column, std::string& scratch) const override;
  void fill_deltas(const facts::TableData&, std::chrono::milliseconds) override {}

 private:
  const std::vector<facts::Absence>& absences_;
};

}  // namespace hostcheck::sql
