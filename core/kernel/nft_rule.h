// A rule of nftables from its expressions: text close to `nft list ruleset`, and what it plainly asks for.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/kernel/nft_field.h"
#include "core/kernel/nft_set.h"
#include "core/kernel/nft_value.h"
#include "core/kernel/rule_meaning.h"

namespace hostcheck::kernel {

class NftRuleDecoder {
 public:
  // The set of a rule's table by its name; nullptr where it is not known.
  using SetFinder = std::function<const NftSet*(std::uint8_t family, std::string_view table, std::string_view name)>;
  NftRuleDecoder(InterfaceNames names, SetFinder sets) : names_(std::move(names)), sets_(std::move(sets)) {}

  // NFTA_RULE_EXPRESSIONS and NFTA_RULE_USERDATA of a rule. Counters are not part of the text. An expression that is
  // not known becomes "[its name]". false when the attributes are malformed.
  [[nodiscard]] bool decode(std::uint8_t family, std::string_view table, Bytes expressions, Bytes userdata,
                            RuleMeaning& out);
  // Whether the rule just decoded has expressions of xtables, as iptables-nft writes them.
  [[nodiscard]] bool has_xt() const { return has_xt_; }

 private:
  static constexpr std::size_t kSlots = 20;  // four bytes each: NFT_REG_1 is slots 0 to 3, NFT_REG32_00 slot 0
  using Attributes = std::array<Bytes, 16>;

  struct Register {
    enum class State : std::uint8_t { none, constant, loaded };
    State state = State::none;
    std::vector<NftField> fields;  // loaded: side by side, or with a mask or a shift exactly one
    Bytes constant;
    Bytes mask;  // empty without one
    Bytes flip;  // xor after the mask
  };
  struct Piece {
    std::string text;
    bool outside = false;  // asks for something that no column shows
    bool dropped = false;  // said already by what follows it
  };
  // A condition that a later one implies, so that nft does not print it: "meta l4proto tcp" before "tcp dport 22".
  struct Dependency {
    int piece = -1;
    std::uint8_t value = 0;
  };
  struct Expression {
    std::string_view name;
    void (NftRuleDecoder::*decode)(const Attributes&);
  };
  static const Expression* find(std::string_view name);

  // nft_load.cpp: what rules load into registers
  void meta(const Attributes& a);
  void payload(const Attributes& a);
  void ct(const Attributes& a);
  void exthdr(const Attributes& a);
  void rt(const Attributes& a);
  void socket(const Attributes& a);
  void fib(const Attributes& a);
  void numgen(const Attributes& a);
  void hash(const Attributes& a);
  void osf(const Attributes& a);
  void xfrm(const Attributes& a);
  void immediate(const Attributes& a);
  void bitwise(const Attributes& a);
  void byteorder(const Attributes& a);
  // nft_compare.cpp: what rules ask for
  void cmp(const Attributes& a);
  void range(const Attributes& a);
  void lookup(const Attributes& a);
  // nft_statement.cpp: what rules do
  void counter(const Attributes& a);
  void limit(const Attributes& a);
  void log(const Attributes& a);
  void reject(const Attributes& a);
  void nat(const Attributes& a);
  void masq(const Attributes& a);
  void redir(const Attributes& a);
  void tproxy(const Attributes& a);
  void queue(const Attributes& a);
  void quota(const Attributes& a);
  void connlimit(const Attributes& a);
  void dynset(const Attributes& a);
  void objref(const Attributes& a);
  void dup(const Attributes& a);
  void fwd(const Attributes& a);
  void synproxy(const Attributes& a);
  void flow_offload(const Attributes& a);
  void notrack(const Attributes& a);
  void last(const Attributes& a);
  void xt_match(const Attributes& a);
  void xt_target(const Attributes& a);

  void expression(std::string_view name, Bytes data);
  void comment(Bytes userdata);
  void finish();

  // Registers. NFTA numbers; nullptr for one that does not exist.
  Register* at(Bytes number);
  void load(Bytes number, NftField field);
  void load(Bytes number, std::vector<NftField> fields);
  // The fields from a register on that fill so many bytes; empty when something else than loaded fields is there.
  std::vector<NftField> fields_at(Bytes number, std::size_t bytes);
  // What is in a register as nft writes it, a constant as a value of that kind.
  std::string value_of(Bytes number, NftKind kind, bool host_order, std::size_t length);

  // Pieces of text.
  Piece& say(std::string text, bool outside = false);
  void imply(const NftField& field);  // drops what the field says anyway
  void compare(const Register& loaded, std::uint32_t op, Bytes value);
  void compare_field(const NftField& field, std::uint32_t op, Bytes value);
  void compare_masked(const Register& loaded, std::uint32_t op, Bytes value);
  void compare_range(const NftField& field, Bytes first, Bytes last, bool inverted);
  void flush_pending();  // a ">=" that no "<=" followed
  void learn(const NftField& field, Bytes value, int piece);
  void append_flags_of(std::string& out, std::uint32_t flags) const;  // of NAT
  void append_ports(std::string& out, Bytes first, Bytes last);
  std::string nested_statement(Bytes expression);  // one expression of a dynamic set's elements

  InterfaceNames names_;
  SetFinder sets_;
  std::uint8_t family_ = 0;
  std::string table_;
  RuleMeaning* out_ = nullptr;
  NftContext context_;
  std::array<Register, kSlots> registers_;
  std::vector<Piece> pieces_;
  Dependency l3_;
  Dependency l4_;
  Dependency ether_;
  bool has_xt_ = false;
  struct Pending {
    bool active = false;
    NftField field;
    Bytes first;
    std::uint32_t reg = 0;
  } pending_;
};

}  // namespace hostcheck::kernel
