#include "core/fleet/postgres.h"

#include <cstdlib>

#ifdef HOSTCHECK_COLLECT
#include <charconv>

#include <dlfcn.h>
#include <libpq-fe.h>

#include "core/base/text.h"

namespace hostcheck::fleet {
namespace {

constexpr const char* kLibrary = "libpq.so.5";
// Object identifiers of types, as pg_type has them since ever.
constexpr unsigned kBool = 16;
constexpr unsigned kInt8 = 20;
constexpr unsigned kInt2 = 21;
constexpr unsigned kInt4 = 23;
constexpr unsigned kFloat4 = 700;
constexpr unsigned kFloat8 = 701;
constexpr unsigned kNumeric = 1700;

// The functions of libpq that are used, by their own types.
struct Libpq {
  decltype(&PQconnectdbParams) connect = nullptr;
  decltype(&PQstatus) status = nullptr;
  decltype(&PQerrorMessage) error_message = nullptr;
  decltype(&PQfinish) finish = nullptr;
  decltype(&PQexec) exec = nullptr;
  decltype(&PQresultStatus) result_status = nullptr;
  decltype(&PQresultErrorField) error_field = nullptr;
  decltype(&PQclear) clear = nullptr;
  decltype(&PQputCopyData) put_copy_data = nullptr;
  decltype(&PQputCopyEnd) put_copy_end = nullptr;
  decltype(&PQgetResult) get_result = nullptr;
  decltype(&PQntuples) ntuples = nullptr;
  decltype(&PQnfields) nfields = nullptr;
  decltype(&PQfname) fname = nullptr;
  decltype(&PQftype) ftype = nullptr;
  decltype(&PQgetvalue) getvalue = nullptr;
  decltype(&PQgetisnull) getisnull = nullptr;
  decltype(&PQgetlength) getlength = nullptr;
  decltype(&PQsetNoticeProcessor) set_notice_processor = nullptr;
};

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Result<Libpq> load_libpq() {
  // Stays loaded: its own libraries do not bear being unloaded.
  void* library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return unexpected(make_error(ErrorCode::unsupported, "load", kLibrary,
                                 std::string(::dlerror()) + "; Debian's package libpq5 has it"));
  }
  Libpq pq;
  const bool whole = find(library, "PQconnectdbParams", pq.connect) && find(library, "PQstatus", pq.status) &&
                     find(library, "PQerrorMessage", pq.error_message) && find(library, "PQfinish", pq.finish) &&
                     find(library, "PQexec", pq.exec) && find(library, "PQresultStatus", pq.result_status) &&
                     find(library, "PQresultErrorField", pq.error_field) && find(library, "PQclear", pq.clear) &&
                     find(library, "PQputCopyData", pq.put_copy_data) &&
                     find(library, "PQputCopyEnd", pq.put_copy_end) && find(library, "PQgetResult", pq.get_result) &&
                     find(library, "PQntuples", pq.ntuples) && find(library, "PQnfields", pq.nfields) &&
                     find(library, "PQfname", pq.fname) && find(library, "PQftype", pq.ftype) &&
                     find(library, "PQgetvalue", pq.getvalue) && find(library, "PQgetisnull", pq.getisnull) &&
                     find(library, "PQgetlength", pq.getlength) &&
                     find(library, "PQsetNoticeProcessor", pq.set_notice_processor);
  if (!whole) return unexpected(make_error(ErrorCode::unsupported, "load", kLibrary, "lacks a function of libpq"));
  return pq;
}

void ignore_notice(void*, const char*) {}

std::string one_line(const char* words) {
  std::string line;
  for (const std::string_view each : split_lines(words == nullptr ? "" : words)) {
    if (!line.empty()) line += "; ";
    line += trim(each);
  }
  return line;
}

}  // namespace

struct Postgres::State {
  Libpq pq;
  PGconn* connection = nullptr;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (connection != nullptr) pq.finish(connection);
  }

  struct Clear {
    decltype(&PQclear) clear = nullptr;
    void operator()(PGresult* result) const { clear(result); }
  };
  using Answered = std::unique_ptr<PGresult, Clear>;
  [[nodiscard]] Answered own(PGresult* result) const { return Answered(result, Clear{pq.clear}); }

  [[nodiscard]] Error error(const char* operation, const PGresult* result) const {
    const char* primary = result == nullptr ? nullptr : pq.error_field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (primary == nullptr)
      return make_error(ErrorCode::failed, operation, "PostgreSQL", one_line(pq.error_message(connection)));
    std::string words = primary;
    for (const int field : {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT, PG_DIAG_CONTEXT}) {
      if (const char* more = pq.error_field(result, field)) words += "; " + one_line(more);
    }
    const char* state = pq.error_field(result, PG_DIAG_SQLSTATE);
    const bool denied = state != nullptr && std::string_view(state) == "42501";
    return make_error(denied ? ErrorCode::denied : ErrorCode::failed, operation, "PostgreSQL", words);
  }
};

Postgres::Postgres(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<Postgres> Postgres::connect(const std::string& to) {
  auto pq = load_libpq();
  if (!pq) return unexpected(pq.error());
  auto state = std::make_unique<State>();
  state->pq = *pq;
  // What stands before dbname is a default that the words in it replace; what stands after it replaces them.
  std::vector<const char*> names = {"fallback_application_name"};
  std::vector<const char*> values = {"hostcheck collect"};
  if (std::getenv("PGCONNECT_TIMEOUT") == nullptr) {
    names.push_back("connect_timeout");
    values.push_back("10");
  }
  if (!to.empty()) {
    names.push_back("dbname");
    values.push_back(to.c_str());
  }
  names.push_back("client_encoding");
  values.push_back("UTF8");
  names.push_back(nullptr);
  values.push_back(nullptr);
  state->connection = state->pq.connect(names.data(), values.data(), 1);
  if (state->connection == nullptr)
    return unexpected(make_error(ErrorCode::failed, "connect", "PostgreSQL", "out of memory"));
  if (state->pq.status(state->connection) != CONNECTION_OK) return unexpected(state->error("connect", nullptr));
  state->pq.set_notice_processor(state->connection, ignore_notice, nullptr);
  return Postgres(std::move(state));
}

Result<void> Postgres::run(const std::string& statements) {
  const auto answered = state_->own(state_->pq.exec(state_->connection, statements.c_str()));
  const auto status = state_->pq.result_status(answered.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return {};
  return unexpected(state_->error("run", answered.get()));
}

Result<sql::Answer> Postgres::ask(const std::string& query) {
  const Libpq& pq = state_->pq;
  const auto answered = state_->own(pq.exec(state_->connection, query.c_str()));
  const PGresult* result = answered.get();
  if (pq.result_status(result) != PGRES_TUPLES_OK) return unexpected(state_->error("ask", result));
  sql::Answer answer;
  const int columns = pq.nfields(result);
  for (int at = 0; at < columns; ++at) answer.columns.push_back({pq.fname(result, at), "", ""});
  for (int row = 0; row < pq.ntuples(result); ++row) {
    auto& values = answer.rows.emplace_back();
    for (int at = 0; at < columns; ++at) {
      facts::Value& value = values.emplace_back();
      if (pq.getisnull(result, row, at) != 0) continue;
      const std::string_view text(pq.getvalue(result, row, at),
                                  static_cast<std::size_t>(pq.getlength(result, row, at)));
      value = std::string(text);
      const unsigned type = pq.ftype(result, at);
      if (type == kInt8 || type == kInt2 || type == kInt4) {
        if (const auto number = parse_number<std::int64_t>(text)) value = *number;
      } else if (type == kFloat4 || type == kFloat8 || type == kNumeric) {
        double number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc{}) value = number;
      } else if (type == kBool) {
        value = std::string(text == "t" ? "true" : "false");
      }
    }
  }
  return answer;
}

Result<void> Postgres::copy(const std::string& statement, std::string_view text) {
  const Libpq& pq = state_->pq;
  {
    const auto begun = state_->own(pq.exec(state_->connection, statement.c_str()));
    if (pq.result_status(begun.get()) != PGRES_COPY_IN) return unexpected(state_->error("copy", begun.get()));
  }
  constexpr std::size_t kPiece = 1 << 20;
  bool sent = true;
  for (std::size_t at = 0; sent && at < text.size(); at += kPiece) {
    const std::string_view piece = text.substr(at, kPiece);
    sent = pq.put_copy_data(state_->connection, piece.data(), static_cast<int>(piece.size())) == 1;
  }
  sent = pq.put_copy_end(state_->connection, sent ? nullptr : "the rest could not be sent") == 1 && sent;
  const auto answered = state_->own(pq.get_result(state_->connection));
  const bool fine = sent && pq.result_status(answered.get()) == PGRES_COMMAND_OK;
  Result<void> outcome;
  if (!fine) outcome = unexpected(state_->error("copy", answered.get()));
  while (PGresult* more = pq.get_result(state_->connection)) pq.clear(more);
  return outcome;
}

#else

namespace hostcheck::fleet {

struct Postgres::State {};

Postgres::Postgres(std::unique_ptr<State> state) : state_(std::move(state)) {}

namespace {
Error left_out() {
  return make_error(ErrorCode::unsupported, "collect", "PostgreSQL",
                    "this hostcheck was built without it (HOSTCHECK_COLLECT=OFF)");
}
}  // namespace

Result<Postgres> Postgres::connect(const std::string&) {
  return unexpected(left_out());
}
Result<void> Postgres::run(const std::string&) {
  return unexpected(left_out());
}
Result<sql::Answer> Postgres::ask(const std::string&) {
  return unexpected(left_out());
}
Result<void> Postgres::copy(const std::string&, std::string_view) {
  return unexpected(left_out());
}

#endif

Postgres::Postgres(Postgres&&) noexcept = default;
Postgres& Postgres::operator=(Postgres&&) noexcept = default;
Postgres::~Postgres() = default;

}  // namespace hostcheck::fleet
