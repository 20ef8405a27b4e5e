#include "core/cli/manual.h"

#include <fmt/format.h>

#include "core/base/text.h"

namespace hostcheck::cli {
namespace {

// Text that troff shows as it is written: its own characters escaped, hyphens kept as ASCII, no line a request.
std::string escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string synopsis_of(const CommandSpec& spec) {
  std::string out = ".B hostcheck " + spec.name + "\n";
  if (!spec.options.empty()) out += ".RI [ OPTION \" ...\" ]\n";
  if (!spec.argument.empty()) out += fmt::format(".RI [ {}{} ]\n", spec.argument, spec.many ? " \" ...\"" : "");
  for (const ArgumentSpec& each : spec.more_arguments) {
    out += fmt::format(".RI [ {}{} ]\n", each.name, each.many ? " \" ...\"" : "");
  }
  return out;
}

std::string argument_of(const std::string& name, const std::string& help) {
  return fmt::format(".TP\n.I {}\n{}.\n", name, escaped(help));
}

std::string option_of(const OptionSpec& option) {
  std::string names = option.brief.empty() ? "" : escaped(option.brief) + ", ";
  names += escaped(option.name);
  return fmt::format(".TP\n.B{} \"{}\"{}\n{}.\n", option.value.empty() ? "" : "I", names,
                     option.value.empty() ? "" : " \" " + option.value + "\"", escaped(option.help));
}

// Indented lines are examples and tables and stay lines; the others are paragraphs.
std::string notes_of(const std::string& notes) {
  std::string out;
  bool literal = false;
  bool paragraph = false;
  const auto end_literal = [&] {
    if (literal) out += ".EE\n.RE\n";
    literal = false;
  };
  for (const std::string_view line : split_lines(notes)) {
    if (line.starts_with("  ")) {
      if (!literal) out += ".PP\n.RS 2\n.EX\n";
      literal = true;
      paragraph = false;
      out += escaped(line.substr(2)) + "\n";
      continue;
    }
    end_literal();
    if (line.empty()) {
      paragraph = false;
      continue;
    }
    if (!paragraph) out += ".PP\n";
    paragraph = true;
    out += escaped(line) + "\n";
  }
  end_literal();
  return out;
}

}  // namespace

std::string manual_of(std::span<const CommandSpec> commands) {
  std::string out;
  for (const CommandSpec& spec : commands) {
    out += ".SS " + spec.name + "\n" + synopsis_of(spec) + ".PP\n" + escaped(spec.summary) + ".\n";
    if (!spec.argument.empty()) out += argument_of(spec.argument, spec.argument_help);
    for (const ArgumentSpec& each : spec.more_arguments) out += argument_of(each.name, each.help);
    for (const OptionSpec& option : spec.options) out += option_of(option);
    out += notes_of(spec.notes);
  }
  return out;
}

}  // namespace hostcheck::cli
