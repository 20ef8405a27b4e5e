#include "core/facts/cell.h"

namespace hostcheck::facts {

std::string_view name_of(Type type) {
  switch (type) {
    case Type::boolean:
      return "boolean";
    case Type::integer:
      return "integer";
    case Type::real:
      return "real";
    case Type::text:
      return "text";
  }
  return "";
}

Value to_value(const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::null:
      return {};
    case Cell::Kind::integer:
      return cell.integer;
    case Cell::Kind::real:
      return cell.real;
    case Cell::Kind::text:
      return std::string(cell.text);
  }
  return {};
}

Cell to_cell(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return integer_cell(*integer);
  if (const auto* real = std::get_if<double>(&value)) return real_cell(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return text_cell(*text);
  return {};
}

}  // namespace hostcheck::facts
