#include "core/sql/snapshot_open.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>

namespace hostcheck::sql {
namespace {

Error wrong(const std::string& path, std::string_view why) {
  return make_error(ErrorCode::invalid, "read snapshot", path, why);
}

// SQLite forgives a last page that is cut off; what was on it would be missing without a word.
Result<void> require_whole(const std::string& path, std::uint64_t size) {
  std::array<unsigned char, 100> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(head.data()), static_cast<std::streamsize>(head.size()));
  if (!file) {
    if (size == 0) return unexpected(wrong(path, "is empty"));
    return {};  // SQLite says what it is instead
  }
  if (std::memcmp(head.data(), "SQLite format 3", 16) != 0) return {};
  const std::uint64_t page = (head[16] << 8U | head[17]) == 1 ? 65536U : (head[16] << 8U | head[17]);
  const std::uint64_t pages = static_cast<std::uint64_t>(head[28]) << 24U |
                              static_cast<std::uint64_t>(head[29]) << 16U | static_cast<std::uint64_t>(head[30]) << 8U |
                              head[31];
  if (pages != 0 && page * pages != size) {
    return unexpected(wrong(path, fmt::format("is cut off: {} of {} bytes", size, page * pages)));
  }
  return {};
}

}  // namespace

Result<Connection> open_snapshot(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return unexpected(errno_error(errno, "read snapshot", path));
  if (!S_ISREG(status.st_mode)) return unexpected(wrong(path, "is no file"));
  if (auto whole = require_whole(path, static_cast<std::uint64_t>(status.st_size)); !whole) {
    return unexpected(whole.error());
  }
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, nullptr);
  Connection connection(raw);
  if (code != SQLITE_OK) return unexpected(wrong(path, sqlite3_errmsg(raw)));
  // The file may come from anywhere: nothing that its schema says is run.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, 64 << 20);
  for (const char* pragma : {"PRAGMA cell_size_check = ON", "PRAGMA mmap_size = 0"}) {
    if (sqlite3_exec(raw, pragma, nullptr, nullptr, nullptr) != SQLITE_OK) {
      return unexpected(wrong(path, sqlite3_errmsg(raw)));
    }
  }
  return connection;
}

bool fits(facts::Type type, const facts::Cell& cell) {
  using Kind = facts::Cell::Kind;
  if (cell.kind == Kind::null) return true;
  switch (type) {
    case facts::Type::boolean:
      return cell.kind == Kind::integer && (cell.integer == 0 || cell.integer == 1);
    case facts::Type::integer:
      return cell.kind == Kind::integer;
    case facts::Type::real:
      return cell.kind == Kind::integer || cell.kind == Kind::real;
    case facts::Type::text:
      return cell.kind == Kind::text;
  }
  return false;
}

}  // namespace hostcheck::sql
