// A fleet's schema in one database: made where it is missing, and what is loaded in it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/fleet/postgres.h"
#include "core/fleet/rows.h"
#include "core/fleet/run_rows.h"

namespace hostcheck::fleet {

// What is loaded of a host.
struct LoadedRun {
  std::string started;  // as RunHead's
  bool snapshot = false;
  std::string machine_id;
  std::string file;
};
using LoadedRuns = std::map<std::string, LoadedRun, std::less<>>;

// Rows of hosts that are loaded together, or none of them.
struct Batch {
  std::vector<std::string> replaced;  // hosts whose former rows go
  RowSet rows;
  std::vector<Table> foreign;
  std::size_t hosts = 0;
};

class Store {
 public:
  // Makes the schema, or what a newer version has more of; reads what is loaded. Until the Store goes no other one has
  // the schema; wait: called when that has to be waited for. Error code invalid: the schema has other things in it, or
  // a newer format; unsupported: PostgreSQL before 13, or a database that is not in UTF-8.
  [[nodiscard]] static Result<Store> open(Postgres database, const std::string& schema,
                                          const std::function<void()>& wait);

  [[nodiscard]] const LoadedRuns& loaded() const { return loaded_; }
  // One transaction.
  [[nodiscard]] Result<void> put(const Batch& batch);
  // Deletes all rows of a host; how many hosts that were, 0 or 1.
  [[nodiscard]] Result<std::size_t> forget(const std::string& host);
  // Tells the planner what came; worth its time after much.
  [[nodiscard]] Result<void> analyze();

 private:
  explicit Store(Postgres database) : database_(std::move(database)) {}
  [[nodiscard]] Result<void> require_server();
  [[nodiscard]] Result<void> lock(const std::string& schema, const std::function<void()>& wait);
  [[nodiscard]] Result<void> read_columns(const std::string& schema);
  [[nodiscard]] Result<void> make(const std::string& schema);
  [[nodiscard]] Result<void> complete();
  [[nodiscard]] Result<void> read_loaded();
  // Statements by which a table has at least these columns; knows them from then on.
  [[nodiscard]] std::string admit(const Table& table);
  [[nodiscard]] std::string delete_hosts(const std::vector<std::string>& hosts) const;
  [[nodiscard]] Result<void> put_within(const Batch& batch);

  Postgres database_;
  std::map<std::string, std::map<std::string, std::string>> columns_;  // of each table, with their types
  LoadedRuns loaded_;
};

}  // namespace hostcheck::fleet
