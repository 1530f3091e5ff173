#include "linux/nftables_chains.hpp"

#include "base/error.hpp"
#include "linux/netlink_socket.hpp"
#include "linux/nftables_batch.hpp"

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string_view>

namespace conductor::linux {

namespace {

using OwnedChain = std::unique_ptr<nftnl_chain, decltype(&nftnl_chain_free)>;
using OwnedRule = std::unique_ptr<nftnl_rule, decltype(&nftnl_rule_free)>;
using OwnedTable = std::unique_ptr<nftnl_table, decltype(&nftnl_table_free)>;
using OwnedUserData = std::unique_ptr<nftnl_udata_buf, decltype(&nftnl_udata_buf_free)>;
using Message = std::array<char, 8192>;

template <class T>
T checked(T owner) {
  if (!owner) throw std::bad_alloc();
  return owner;
}

OwnedRule make_rule(const ForwardChain& chain) {
  auto rule = checked(OwnedRule(nftnl_rule_alloc(), &nftnl_rule_free));
  nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, chain.family);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, chain.table.c_str());
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.name.c_str());
  return rule;
}

// --- reading

void each_expression(const nftnl_rule* rule, const std::function<void(const nftnl_expr*)>& each) {
  nftnl_expr_foreach(
      const_cast<nftnl_rule*>(rule),
      [](nftnl_expr* expression, void* data) {
        (*static_cast<const std::function<void(const nftnl_expr*)>*>(data))(expression);
        return 0;
      },
      const_cast<std::function<void(const nftnl_expr*)>*>(&each));
}

std::string comment_in_user_data(const nftnl_rule* rule) {
  std::uint32_t size = 0;
  const void* data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);
  std::string comment;
  if (data == nullptr) return comment;
  nftnl_udata_parse(
      data, size,
      [](const nftnl_udata* attribute, void* result) {
        if (nftnl_udata_type(attribute) == NFTNL_UDATA_RULE_COMMENT)
          *static_cast<std::string*>(result) =
              std::string(static_cast<const char*>(nftnl_udata_get(attribute)), nftnl_udata_len(attribute));
        return 0;
      },
      &comment);
  return comment.substr(0, comment.find('\0'));
}

// iptables-nft writes comments of files it restores as a match of that name.
bool has_comment(const nftnl_rule* rule, const std::string& comment) {
  bool found = comment_in_user_data(rule) == comment;
  each_expression(rule, [&](const nftnl_expr* expression) {
    if (std::string_view(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME)) != "match") return;
    if (std::string_view(nftnl_expr_get_str(expression, NFTNL_EXPR_MT_NAME)) != "comment") return;
    std::uint32_t size = 0;
    const void* info = nftnl_expr_get(expression, NFTNL_EXPR_MT_INFO, &size);
    const std::string text(static_cast<const char*>(info), info == nullptr ? 0 : size);
    found = found || text.substr(0, text.find('\0')) == comment;
  });
  return found;
}

// "Whatever comes here is dropped or rejected."
bool drops_everything(const nftnl_rule* rule) {
  bool drops = false, conditional = false;
  each_expression(rule, [&](const nftnl_expr* expression) {
    const std::string_view name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
    if (name == "reject")
      drops = true;
    else if (name == "immediate")
      drops = drops || nftnl_expr_get_u32(expression, NFTNL_EXPR_IMM_VERDICT) == NF_DROP;
    else if (name != "counter" && name != "log")
      conditional = true;
  });
  return drops && !conditional;
}

void each_rule(const ForwardChain& chain, const std::function<void(const nftnl_rule*)>& each) {
  Message buffer{};
  nlmsghdr* request = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETRULE, chain.family, NLM_F_DUMP, 0);
  const auto wanted = make_rule(chain);
  nftnl_rule_nlmsg_build_payload(request, wanted.get());
  try {
    NetlinkSocket(NETLINK_NETFILTER).ask(request, [&](const nlmsghdr* message) {
      const auto rule = checked(OwnedRule(nftnl_rule_alloc(), &nftnl_rule_free));
      if (nftnl_rule_nlmsg_parse(message, rule.get()) == 0) each(rule.get());
    });
  } catch (const base::Error& e) {
    if (e.code() != ENOENT) throw;  // the chain has gone in between
  }
}

std::vector<ForwardChain> base_chains(const std::string& except_table) {
  Message buffer{};
  nlmsghdr* request = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 0);
  std::vector<ForwardChain> result;
  NetlinkSocket(NETLINK_NETFILTER).ask(request, [&](const nlmsghdr* message) {
    const auto chain = checked(OwnedChain(nftnl_chain_alloc(), &nftnl_chain_free));
    if (nftnl_chain_nlmsg_parse(message, chain.get()) != 0) return;
    const auto number = [&](std::uint16_t attribute) { return nftnl_chain_get_u32(chain.get(), attribute); };
    const std::uint32_t family = number(NFTNL_CHAIN_FAMILY);
    if (!nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_HOOKNUM) || number(NFTNL_CHAIN_HOOKNUM) != NF_INET_FORWARD ||
        (family != NFPROTO_IPV4 && family != NFPROTO_IPV6 && family != NFPROTO_INET))
      return;
    ForwardChain found;
    found.family = static_cast<std::uint16_t>(family);
    found.table = nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TABLE);
    found.name = nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME);
    found.drops = number(NFTNL_CHAIN_POLICY) == NF_DROP;
    if (family != NFPROTO_INET || found.table != except_table) result.push_back(std::move(found));
  });
  return result;
}

bool table_is_owned(const ForwardChain& chain) {
  Message buffer{};
  nlmsghdr* request = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETTABLE, chain.family, 0, 0);
  const auto wanted = checked(OwnedTable(nftnl_table_alloc(), &nftnl_table_free));
  nftnl_table_set_str(wanted.get(), NFTNL_TABLE_NAME, chain.table.c_str());
  nftnl_table_set_u32(wanted.get(), NFTNL_TABLE_FAMILY, chain.family);
  nftnl_table_nlmsg_build_payload(request, wanted.get());
  bool owned = false;
  NetlinkSocket(NETLINK_NETFILTER).ask(request, [&](const nlmsghdr* message) {
    const auto table = checked(OwnedTable(nftnl_table_alloc(), &nftnl_table_free));
    owned = nftnl_table_nlmsg_parse(message, table.get()) == 0 && nftnl_table_is_set(table.get(), NFTNL_TABLE_OWNER);
  });
  return owned;
}

// --- writing

nftnl_expr* add_expression(nftnl_rule* rule, const char* name) {
  nftnl_expr* expression = nftnl_expr_alloc(name);
  if (expression == nullptr) throw std::bad_alloc();
  nftnl_rule_add_expr(rule, expression);  // the rule owns it now
  return expression;
}

// meta mark & MARK == MARK accept
void add_accept_expressions(nftnl_rule* rule, std::uint32_t mark) {
  constexpr std::uint32_t none = 0;
  nftnl_expr* load = add_expression(rule, "meta");
  nftnl_expr_set_u32(load, NFTNL_EXPR_META_KEY, NFT_META_MARK);
  nftnl_expr_set_u32(load, NFTNL_EXPR_META_DREG, NFT_REG_1);
  nftnl_expr* mask = add_expression(rule, "bitwise");
  nftnl_expr_set_u32(mask, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
  nftnl_expr_set_u32(mask, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
  nftnl_expr_set_u32(mask, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
  nftnl_expr_set_u32(mask, NFTNL_EXPR_BITWISE_LEN, sizeof mark);
  nftnl_expr_set(mask, NFTNL_EXPR_BITWISE_MASK, &mark, sizeof mark);
  nftnl_expr_set(mask, NFTNL_EXPR_BITWISE_XOR, &none, sizeof none);
  nftnl_expr* compare = add_expression(rule, "cmp");
  nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
  nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
  nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, &mark, sizeof mark);
  nftnl_expr* verdict = add_expression(rule, "immediate");
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, NF_ACCEPT);
}

}  // namespace

std::string to_text(const ForwardChain& chain) {
  const char* family = chain.family == NFPROTO_IPV4 ? "ip " : chain.family == NFPROTO_IPV6 ? "ip6 " : "inet ";
  return family + chain.table + " " + chain.name;
}

std::vector<ForwardChain> forward_chains(const std::string& comment, const std::string& except_table) {
  auto chains = base_chains(except_table);
  for (ForwardChain& chain : chains) {
    bool last_drops = false;
    each_rule(chain, [&](const nftnl_rule* rule) {
      chain.opened = chain.opened || has_comment(rule, comment);
      last_drops = drops_everything(rule);
    });
    chain.drops = chain.drops || last_drops;
    if (chain.drops && !chain.opened) chain.owned = table_is_owned(chain);
  }
  return chains;
}

void insert_accept_rule(const ForwardChain& chain, std::uint32_t mark, const std::string& comment) {
  const auto rule = make_rule(chain);
  add_accept_expressions(rule.get(), mark);
  const auto data = checked(OwnedUserData(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN), &nftnl_udata_buf_free));
  nftnl_udata_put_strz(data.get(), NFTNL_UDATA_RULE_COMMENT, comment.c_str());
  nftnl_rule_set_data(rule.get(), NFTNL_RULE_USERDATA, nftnl_udata_buf_data(data.get()),
                      nftnl_udata_buf_len(data.get()));
  NftBatch batch;
  batch.add(NFT_MSG_NEWRULE, chain.family, NLM_F_CREATE,
            [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, rule.get()); });
  if (const int code = batch.commit(); code != 0)
    throw base::Error("putting a rule into the chain " + to_text(chain), code);
}

void remove_commented_rules(const ForwardChain& chain, const std::string& comment) {
  NftBatch batch;
  bool found = false;
  each_rule(chain, [&](const nftnl_rule* rule) {
    if (!has_comment(rule, comment)) return;
    const auto unwanted = make_rule(chain);
    nftnl_rule_set_u64(unwanted.get(), NFTNL_RULE_HANDLE, nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE));
    batch.add(NFT_MSG_DELRULE, chain.family, 0,
              [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, unwanted.get()); });
    found = true;
  });
  if (!found) return;
  const int code = batch.commit();
  if (code != 0 && code != ENOENT) throw base::Error("taking a rule out of the chain " + to_text(chain), code);
}

}  // namespace conductor::linux
