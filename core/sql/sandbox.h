// What a query may do, what it may cost, and how its errors read.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "core/base/result.h"
#include "core/sql/database.h"
#include "core/sql/fact_module.h"

namespace hostcheck::sql {

// Watches what is compiled on one connection: denies all but reading fact tables, and notes what is read.
struct Authorizer {
  const Tables* tables = nullptr;
  // What the statement under way reads, by table; a table without columns is only counted.
  std::map<std::string, std::set<std::string>, std::less<>> reads;
  std::string denied;  // why the last thing was denied; "" when nothing was

  [[nodiscard]] static int callback(void* self, int action, const char* third, const char* fourth, const char* database,
                                    const char* trigger);

 private:
  [[nodiscard]] int allow_read(std::string_view table, std::string_view column);
};

// Sets the connection's limits and switches off what a query must not do. Returns an SQLite result code.
[[nodiscard]] int lock_down(sqlite3* connection, Authorizer& authorizer);

// Bounds time and memory of what runs on the connection while it lives. Memory is bounded for SQLite as a whole,
// because SQLite counts it so.
class Bounds {
 public:
  Bounds(sqlite3* connection, const Limits& limits);
  ~Bounds();
  Bounds(const Bounds&) = delete;
  Bounds& operator=(const Bounds&) = delete;

 private:
  [[nodiscard]] static int tick(void* self);
  sqlite3* connection_;
  std::chrono::steady_clock::time_point end_;
  sqlite3_int64 former_heap_limit_;
};

// The connection's last error for people: nearest names for unknown ones, limits in words.
[[nodiscard]] Error query_error(sqlite3* connection, int code, const Authorizer& authorizer, std::string_view query,
                                const Limits& limits);

}  // namespace hostcheck::sql
