#include "core/checks/plain_toml.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include <gtest/gtest.h>

#include "core/checks/toml_reader.h"

namespace hostcheck::checks {
namespace {

namespace fs = std::filesystem;

// TEST_DATA is tests/unit/checks/data.
const fs::path kProject = fs::path(TEST_DATA).parent_path().parent_path().parent_path().parent_path();

std::vector<std::string> texts_of_the_project() {
  std::vector<std::string> texts;
  for (const char* folder : {"rules", "plugins"}) {
    for (const auto& each : fs::recursive_directory_iterator(kProject / folder)) {
      if (each.path().extension() != ".toml") continue;
      std::ifstream file(each.path());
      texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  return texts;
}

void expect_same_lines(const toml::table& a, const toml::table& b) {
  for (const auto& [key, node] : a) {
    const auto other = b.find(key.str());
    ASSERT_NE(other, b.end());
    EXPECT_EQ(key.source().begin.line, other->first.source().begin.line) << key.str();
    if (const auto* inner = node.as_table()) expect_same_lines(*inner, *other->second.as_table());
  }
}

// Whether it was read; then it has to be what parse_toml() reads.
bool reads_as_toml(std::string_view text) {
  const auto plain = parse_plain_toml(text);
  if (!plain) return false;
  const auto whole = parse_toml(text, "a.toml");
  EXPECT_TRUE(whole) << text << "\n" << (whole ? "" : whole.error().message());
  if (!whole) return true;
  EXPECT_EQ(*plain, *whole) << text;
  expect_same_lines(*plain, *whole);
  return true;
}

std::string up_to_tests(const std::string& text) {
  return text.substr(0, text.find("\n[[test]]"));
}

TEST(PlainToml, ReadsEveryRuleAndPluginOfTheProject) {
  const auto texts = texts_of_the_project();
  ASSERT_GT(texts.size(), 90U);
  std::size_t rules = 0;
  for (const std::string& each : texts) {
    if (each.starts_with("[[test]]") || each.find("\n[doc]") == std::string::npos) continue;
    ++rules;
    EXPECT_TRUE(reads_as_toml(up_to_tests(each))) << each;
  }
  EXPECT_GT(rules, 90U);
}

TEST(PlainToml, ReadsWhatRulesAreWrittenIn) {
  for (const std::string_view text : {"",
                                      "\n",
                                      "a = 1",
                                      "a=1\n",
                                      "\t a = -12 # a comment\n",
                                      "a = true\nb = false",
                                      "a = 0.5\nb = -12.75",
                                      "a = \"q\\\"b\\\\n\\nt\\t\"",
                                      "a = 'c:\\x'",
                                      "a = '''\none\ntwo'''\nb = 1",
                                      "a = \"\"\"one\ntwo\"\"\"",
                                      "a = ''",
                                      "a = \"\"",
                                      "a = ''''''",
                                      "a = []",
                                      "a = [1, 2, ]",
                                      "a = [ # why\n 1,\n\n 2 # so\n]\nb = 2",
                                      "a = [[1], ['x']]",
                                      "a = {}",
                                      "a = { b = 1, c = { d = [1] } }",
                                      "a = [{ b = 1 }, { b = 2 }]",
                                      "[a]\nb = 1\n[c]\n",
                                      "[a.b]\nc = 1\n",
                                      "[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 1\n[[a.e]]\nf = 1\n[[a.e]]\n",
                                      "[a.b.c]\n[a.b.d]\n",
                                      "k-1_x = 'µ → ✓'"}) {
    EXPECT_TRUE(reads_as_toml(text)) << text;
  }
}

TEST(PlainToml, LeavesTheRestToTheWholeReader) {
  for (const std::string_view text : {"a",
                                      "a =",
                                      "= 1",
                                      "a = 1 b = 2",
                                      "a = 1\na = 2",
                                      "[a]\n[a]",
                                      "a = 1\n[a]",
                                      "a = {}\n[a]",
                                      "a = {}\n[a.b]",
                                      "a = []\n[[a]]",
                                      "a = [{}]\n[[a]]",
                                      "a = [{}]\n[a.b]",
                                      "[[a]]\n[a]",
                                      "[a]\n[[a]]",
                                      "[a.b]\n[a]",
                                      "[a",
                                      "[a]]",
                                      "[[a]",
                                      "[]",
                                      "[a.]",
                                      "[a] b = 1",
                                      "a.b = 1",
                                      "'a' = 1",
                                      "a = 01",
                                      "a = +1",
                                      "a = 1_0",
                                      "a = 0x1f",
                                      "a = 1e3",
                                      "a = .5",
                                      "a = 1.",
                                      "a = 1979-05-27",
                                      "a = inf",
                                      "a = truex",
                                      "a = [1 2]",
                                      "a = [,]",
                                      "a = [1",
                                      "a = { b = 1, }",
                                      "a = { b = 1\n}",
                                      "a = { b = 1, b = 2 }",
                                      "a = {",
                                      "a = \"\\u00e9\"",
                                      "a = \"one\ntwo\"",
                                      "a = 'one\ntwo'",
                                      "a = \"one",
                                      "a = '''one",
                                      "a = '''one''''",
                                      "a = \"\"\"\\\n one\"\"\"",
                                      "a = '\x01'",
                                      "a = 1\r\n",
                                      "\xef\xbb\xbf"
                                      "a = 1",
                                      "a = '\xff'",
                                      "µ = 1",
                                      "a = 1234567890123456789012",
                                      "a = -"}) {
    EXPECT_FALSE(reads_as_toml(text)) << text;
  }
  EXPECT_FALSE(parse_plain_toml("a = " + std::string(100'000, '[')));
}

TEST(PlainToml, ReadsNothingOtherwiseThanTheWholeReader) {
  std::mt19937 random(20);  // NOLINT: the same texts every time
  const auto below = [&](std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random); };
  constexpr std::string_view kLetters = "\"'[]{}=,.#\\\n\t -_019aetxn\r\x01\xc3";
  const auto texts = texts_of_the_project();
  std::size_t read = 0;
  std::size_t left = 0;
  for (unsigned round = 0; round < 3000; ++round) {
    std::string text = up_to_tests(texts[below(texts.size())]);
    // Some lines of it, which are quicker to read, with a few letters changed.
    text = text.substr(std::min(text.size(), text.find('\n', below(text.size()))));
    text.resize(std::min<std::size_t>(text.size(), 400));
    for (std::size_t change = below(4); change-- > 0 && !text.empty();) {
      const std::size_t at = below(text.size());
      const char letter = kLetters[below(kLetters.size())];
      switch (below(3)) {
        case 0:
          text[at] = letter;
          break;
        case 1:
          text.insert(at, 1, letter);
          break;
        default:
          text.erase(at, 1 + below(3));
      }
    }
    ++(reads_as_toml(text) ? read : left);
  }
  EXPECT_GT(read, 300U);
  EXPECT_GT(left, 300U);
}

}  // namespace
}  // namespace hostcheck::checks
