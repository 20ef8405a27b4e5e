#include "core/report/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/version.h"

namespace hostcheck::report {
namespace {

using conclude::Comparison;
using conclude::Difference;
using conclude::HostValue;
using ::testing::HasSubstr;

HostValue value(facts::Value of) {
  return {HostValue::Kind::value, std::move(of), {}};
}

Difference sysctl(std::string name, std::vector<HostValue> values) {
  Difference made;
  made.topic = "sysctl";
  made.table = "sysctls";
  made.subject = std::move(name);
  made.column = "text";
  made.values = std::move(values);
  return made;
}

Comparison of_two() {
  Comparison made;
  made.labels = {"web-17", "web-18"};
  made.groups = {"", ""};
  made.equal = 1234;
  return made;
}

const std::vector<DiffHost>& two() {
  static const std::vector<DiffHost> hosts = {{"a.db", "web-17", "6.1.0", "2026-01-01T00:00:00.000Z"},
                                              {"", "web-18", "6.1.0", "2026-01-01T00:00:05.000Z"}};
  return hosts;
}

TEST(DiffWords, AnInterfacesSysctlHasItsNameInIt) {
  Difference made = sysctl("net.ipv4.conf.*.rp_filter", {});
  made.interfaces = {"eth0"};
  EXPECT_EQ(words_of(made), "net.ipv4.conf.eth0.rp_filter");
  made.interfaces = {"all", "eth0"};
  EXPECT_EQ(words_of(made), "net.ipv4.conf.{all,eth0}.rp_filter");
  made.interfaces = {"a", "b", "c", "d", "e", "f", "g"};
  EXPECT_EQ(words_of(made), "net.ipv4.conf.{a,b,c,d,3 more}.rp_filter");
}

TEST(DiffWords, ACounterIsItsName) {
  Difference made;
  made.table = "links";
  made.interfaces = {"eth0"};
  made.column = "tx_dropped_delta";
  EXPECT_EQ(words_of(made), "eth0 tx_dropped");
  made.column = {};
  EXPECT_EQ(words_of(made), "interface eth0");
  made.netns = "web-1";
  EXPECT_EQ(words_of(made), "interface eth0 in web-1");
}

TEST(DiffText, ShortValuesStandBesideEachOtherAndLongOnesBelow) {
  Comparison comparison = of_two();
  comparison.differences = {
      sysctl("net.core.somaxconn", {value(std::string("4096")), value(std::string("128"))}),
      sysctl("net.ipv4.tcp_mem", {value(std::string("190000\t253000\t380000")), {HostValue::Kind::not_there, {}, {}}})};
  EXPECT_EQ(diff_as_text(comparison, two(), false),
            "hostcheck " + std::string(version()) + " · web-17 (Linux 6.1.0, 2026-01-01T00:00:00Z)\n" +
                "  web-18 (Linux 6.1.0, 2026-01-01T00:00:05Z)\n"
                "2 differences, the strongest first; 1234 facts are equal\n"
                "\n" +
                std::string(59, ' ') +
                "web-17              web-18\n"
                "sysctl     net.core.somaxconn                              4096                128\n"
                "sysctl     net.ipv4.tcp_mem\n"
                "             web-17  190000 253000 380000\n"
                "             web-18  not there\n"
                "\n"
                "left out  counters, ids, times, ages, pids, own addresses, who is connected\n");
}

TEST(DiffText, WhatCouldNotBeReadIsToldOnceForEachReason) {
  Comparison comparison = of_two();
  comparison.incomparable = {{0, "links", "rx_errors_delta", "nothing was watched", 2, "eth0"},
                             {1, "links", "rx_errors_delta", "nothing was watched", 2, "eth0"},
                             {0, "links", "tx_errors_delta", "nothing was watched", 2, "eth0"}};
  const std::string text = diff_as_text(comparison, two(), false);
  EXPECT_THAT(text, HasSubstr("no difference that matters among 1234 facts"));
  EXPECT_THAT(text, HasSubstr("unknown   eth0 rx_errors_delta and 3 more, of web-17, web-18: nothing was watched\n"));
}

TEST(DiffText, OfOneTableTheFirstAreShownAndTheOthersCounted) {
  Comparison comparison = of_two();
  for (int number = 0; number < 20; ++number) {
    comparison.differences.push_back(
        sysctl("net.x" + std::to_string(number), {value(std::string("1")), value(std::string("2"))}));
  }
  EXPECT_THAT(diff_as_text(comparison, two(), false), HasSubstr("and 12 sysctl; --verbose shows them\n"));
  EXPECT_THAT(diff_as_text(comparison, two(), true), HasSubstr("net.x19"));
}

TEST(DiffText, OfAGroupEachValueIsCounted) {
  Comparison comparison = of_two();
  comparison.labels.emplace_back("web-19");
  comparison.groups = {"sick", "fine", "fine"};
  comparison.differences = {
      sysctl("net.x", {value(std::string("1")), value(std::string("2")), {HostValue::Kind::unknown, {}, "denied"}})};
  comparison.differences[0].score = 0.67;
  const std::vector<DiffHost> hosts(3);
  EXPECT_THAT(diff_as_text(comparison, hosts, false),
              ::testing::ContainsRegex("sysctl +net\\.x +1 ×1 +2 ×1, unknown ×1 +0\\.67\n"));
}

TEST(DiffText, HostileNamesAreMadeHarmless) {
  Comparison comparison = of_two();
  comparison.labels[0] = "web\x1b[31m";
  comparison.differences = {sysctl("net.x\n", {value(std::string("a\x1b]0;x\x07")), value(std::string("2"))})};
  EXPECT_EQ(diff_as_text(comparison, two(), true).find('\x1b'), std::string::npos);
}

TEST(DiffJson, SaysOfEachValueWhatItIs) {
  Comparison comparison = of_two();
  comparison.differences = {sysctl("net.x", {value(facts::Value{}), {HostValue::Kind::unknown, {}, "denied"}})};
  const std::string text = diff_as_json(comparison, two());
  EXPECT_THAT(text, HasSubstr("\"schema\": \"hostcheck.diff/1\""));
  EXPECT_THAT(text, HasSubstr("\"is\": \"value\",\n          \"value\": null"));
  EXPECT_THAT(text, HasSubstr("\"is\": \"unknown\",\n          \"reason\": \"denied\""));
  EXPECT_EQ(text.find("gain"), std::string::npos);
}

}  // namespace
}  // namespace hostcheck::report
