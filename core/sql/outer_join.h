// A guard against what SQLite offers by mistake.
#pragma once

#include <string_view>

namespace hostcheck::sql {

// Whether the query has, in the ON of an outer join, one of the terms that SQLite makes for virtual tables only (GLOB,
// LIKE, <>, IS NOT NULL, IS NOT, MATCH, REGEXP) on another table than the one that is joined there. SQLite 3.40 offers
// such a term to that other table as if it stood in WHERE (exprAnalyze in whereexpr.c leaves extraRight out of the
// term's prerequisites), and rows would be lost. Says true when in doubt.
[[nodiscard]] bool has_foreign_term_in_outer_join(std::string_view query);

}  // namespace hostcheck::sql
