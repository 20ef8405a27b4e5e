// printf() and format() of SQL in place of SQLite's own, which runs for seconds over a precision of 900000000.
#pragma once

#include <sqlite3.h>

namespace hostcheck::sql {

// printf(FORMAT, ...): %d %i %u %x %X %o %f %e %E %g %G %s %c %% with the flags - + space 0 # and ',' (thousands), a
// width up to 999 and a precision up to 99. NULL where the format is NULL; missing arguments are 0 or "".
void sql_printf(sqlite3_context* context, int count, sqlite3_value** values);

}  // namespace hostcheck::sql
