// What can follow what is typed at the prompt of `hostcheck query`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hostcheck::cli {

// Where the word begins that stands before the end of text: after the last character that no name has.
[[nodiscard]] std::size_t word_start(std::string_view text);

// Names that the word at the end of text may become, sorted, each once: commands of the prompt where the line begins
// with a dot; else tables, the columns of the tables that the text names (of all tables where it names none, once two
// letters are typed), and SQL's words in the case that was begun. After "TABLE." that table's columns, after FROM
// and JOIN tables only.
[[nodiscard]] std::vector<std::string> words_for(std::string_view text);

// The longest text that all of them begin with.
[[nodiscard]] std::string common_beginning(const std::vector<std::string>& words);

// The commands of the prompt with their arguments and meanings, as .help shows them.
struct PromptCommand {
  std::string_view name;
  std::string_view argument;
  std::string_view meaning;
};
[[nodiscard]] const std::vector<PromptCommand>& prompt_commands();

// Whether the text is a whole statement: it ends with a semicolon outside quotes and comments.
[[nodiscard]] bool is_whole_statement(std::string_view text);

}  // namespace hostcheck::cli
