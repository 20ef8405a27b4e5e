// PostgreSQL through its client library, libpq, which is loaded when it is first needed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/sql/database.h"

namespace hostcheck::fleet {

class Postgres {
 public:
  // to: a URI or key=value pairs as libpq takes them; "" for what the environment says (PGHOST, PGDATABASE, ...).
  // Error code unsupported: built without it, or libpq is not on this host; failed: no connection, in the server's
  // words.
  [[nodiscard]] static Result<Postgres> connect(const std::string& to);
  Postgres(Postgres&&) noexcept;
  Postgres& operator=(Postgres&&) noexcept;
  ~Postgres();

  // Statements, separated by semicolons, whose answers nobody wants.
  [[nodiscard]] Result<void> run(const std::string& statements);
  // The answer of one SELECT: integers and reals as such, booleans and everything else as PostgreSQL writes it.
  [[nodiscard]] Result<sql::Answer> ask(const std::string& query);
  // COPY ... FROM STDIN; the text as the statement's format has it.
  [[nodiscard]] Result<void> copy(const std::string& statement, std::string_view text);

 private:
  struct State;
  explicit Postgres(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hostcheck::fleet
