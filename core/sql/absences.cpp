#include "core/sql/absences.h"

#include "core/sql/database.h"

namespace hostcheck::sql {

const facts::TableInfo& absences_table() {
  using facts::Absence;
  static const facts::TableInfo info =
      facts::TableBuilder<Absence>("absences", "What was asked for and could not be read")
          .key<&Absence::table>("table_name", "", "hostcheck", "Table whose rows or cells are missing")
          .key<&Absence::column>("column_name", "", "hostcheck", "Column that is missing; NULL when whole rows are")
          .key<&Absence::netns>("netns", "", "hostcheck", "Namespace in which it is missing; NULL for all of them")
          .key<&Absence::subject>("subject", "", "hostcheck", "The one row it is about; NULL for all rows")
          .column<&Absence::code>("code", "", "errno", "denied, unsupported, vanished, failed, invalid or limit")
          .column<&Absence::reason>("reason", "", "hostcheck", "Why it could not be read")
          .column<&Absence::remedy>("remedy", "", "hostcheck", "What would let it be seen; NULL where nothing would")
          .build();
  return info;
}

const facts::TableInfo& AbsenceRows::info() const {
  return absences_table();
}

facts::Cell AbsenceRows::cell(std::size_t row, std::size_t column, std::string& scratch) const {
  return absences_table().columns[column].read(&absences_[row], scratch);
}

}  // namespace hostcheck::sql
