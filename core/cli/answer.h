// The answer of one SQL query as text.
#pragma once

#include <string>

#include "core/sql/database.h"

namespace hostcheck::cli {

// Aligned columns under their names; numbers to the right, NULL as "-".
[[nodiscard]] std::string answer_as_table(const sql::Answer& answer);
// An array of objects, one row a line. Booleans of the tables are true and false, NULL is null. Of columns with equal
// names the later ones get _2, _3, ... appended, so that none is lost.
[[nodiscard]] std::string answer_as_json(const sql::Answer& answer);
// Quoted as RFC 4180 says, with a header line and plain newlines; NULL is an empty field.
[[nodiscard]] std::string answer_as_csv(const sql::Answer& answer);

}  // namespace hostcheck::cli
