#include "core/checks/text_template.h"

#include <map>

#include <gtest/gtest.h>

namespace hostcheck::checks {
namespace {

std::string filled(std::string_view text) {
  static const std::map<std::string, facts::Value, std::less<>> kValues = {{"n", std::int64_t{1572864}},
                                                                           {"share", 0.125},
                                                                           {"name", std::string("eth0")},
                                                                           {"none", {}},
                                                                           {"one", std::int64_t{1}},
                                                                           {"ms", std::int64_t{1500}},
                                                                           {"real", 3.14159},
                                                                           {"large", 12345.678},
                                                                           {"whole", 4.0}};
  return fill(text, [](std::string_view name) -> const facts::Value* {
    const auto found = kValues.find(name);
    return found == kValues.end() ? nullptr : &found->second;
  });
}

TEST(TextTemplate, ShowsValuesAsPeopleReadThem) {
  EXPECT_EQ(filled("{name}: {n} and {real}, {large}, {whole}, {none}"), "eth0: 1572864 and 3.14, 12345.7, 4, unknown");
  EXPECT_EQ(filled("{n|bytes} {ms|duration_ms} {ms|duration_s} {share|percent}"), "1.5 MiB 1.5 s 25 min 12.5 %");
  EXPECT_EQ(filled("{name|bytes} {none|percent}"), "eth0 unknown");
  EXPECT_EQ(filled("{one|connection waits|connections wait} for {ms|peer|peers}, {none|peer|peers}"),
            "1 connection waits for 1500 peers, unknown peers");
  EXPECT_EQ(filled("{{name}} {{}}"), "{name} {}");
  EXPECT_EQ(filled(""), "");
}

TEST(TextTemplate, LeavesWhatItDoesNotKnow) {
  EXPECT_EQ(filled("{other} {n|miles} {n"), "{other} {n|miles} {n");
}

TEST(TextTemplate, IsChecked) {
  const std::vector<std::string> names = {"waiting", "limit"};
  EXPECT_EQ(check_template("{waiting} of {limit|bytes} {{", names), std::nullopt);
  EXPECT_EQ(check_template("{waitng}", names),
            "placeholder {waitng} names no column of the answer and no parameter (did you mean 'waiting'?)");
  EXPECT_EQ(check_template("{limit|byte}", names),
            "placeholder {limit|byte} has an unknown filter (did you mean 'bytes'?)");
  EXPECT_EQ(check_template("{waiting|connection|connections}", names), std::nullopt);
  for (const std::string_view wrong : {"{limit|peer|}", "{limit||peers}", "{limit|peer|peers|more}"}) {
    EXPECT_EQ(check_template(wrong, names),
              "placeholder " + std::string(wrong) + " needs two forms, as {n|client|clients}");
  }
  EXPECT_EQ(check_template("{limit", names), "'{limit' has no closing brace");
}

}  // namespace
}  // namespace hostcheck::checks
