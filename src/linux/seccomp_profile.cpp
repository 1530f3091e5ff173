#include "linux/seccomp_profile.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "linux/capabilities.hpp"

#include <seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

namespace conductor::linux {
namespace {

using base::Context;
using base::Error;
using base::Json;

constexpr unsigned most_arguments = 6;
constexpr std::int64_t most_errno = 4095;

template <class Value>
using Words = std::vector<std::pair<const char*, Value>>;

const Words<int>& comparisons() {
  static const Words<int> words = {{"SCMP_CMP_NE", SCMP_CMP_NE},
                                   {"SCMP_CMP_LT", SCMP_CMP_LT},
                                   {"SCMP_CMP_LE", SCMP_CMP_LE},
                                   {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                   {"SCMP_CMP_GE", SCMP_CMP_GE},
                                   {"SCMP_CMP_GT", SCMP_CMP_GT},
                                   {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
  return words;
}

const Words<std::uint32_t>& architectures() {
  static const Words<std::uint32_t> words = {
      {"SCMP_ARCH_X86", SCMP_ARCH_X86},           {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
      {"SCMP_ARCH_X32", SCMP_ARCH_X32},           {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
      {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},   {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
      {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},     {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
      {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},     {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
      {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},           {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
      {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},       {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
      {"SCMP_ARCH_S390", SCMP_ARCH_S390},         {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
      {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},   {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
      {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64}, {"SCMP_ARCH_LOONGARCH64", 0}};  // later than our libseccomp
  return words;
}

template <class Value>
Value word_of(const Json& json, const char* what, const Words<Value>& words) {
  const std::string* text = json.string();
  if (text == nullptr) throw Error(std::string(what) + " is not a string");
  std::vector<std::string> known;
  for (const auto& [word, value] : words) {
    if (*text == word) return value;
    known.emplace_back(word);
  }
  throw Error("unknown " + std::string(what) + " '" + base::escape_control(*text) + "'" +
              base::did_you_mean(*text, known));
}

void require_keys(const Json& json, const std::vector<std::string>& known) {
  if (json.members() == nullptr) throw Error("an object is expected here");
  for (const auto& [key, value] : *json.members())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw Error("unknown key '" + base::escape_control(key) + "'" + base::did_you_mean(key, known));
}

// Calls `each` with every item of the list of that name; absent and null are empty lists.
template <class Each>
void for_items(const Json& json, const char* key, Each&& each) {
  const Json* found = json.find(key);
  if (found == nullptr || found->is_null()) return;
  if (found->array_items() == nullptr) throw Error(std::string(key) + " is not a list");
  for (std::size_t i = 0; i < found->array_items()->size(); ++i) {
    const Context context(std::string(key) + "[" + std::to_string(i) + "]");
    each((*found->array_items())[i]);
  }
}

std::vector<std::string> strings(const Json& json, const char* key) {
  std::vector<std::string> list;
  for_items(json, key, [&](const Json& item) {
    if (item.string() == nullptr) throw Error("a string is expected here");
    list.push_back(*item.string());
  });
  return list;
}

std::uint64_t number(const Json& json, const char* key, std::int64_t most = INT64_MAX) {
  const Json* found = json.find(key);
  if (found == nullptr) return 0;
  if (found->integer() == nullptr || *found->integer() < 0 || *found->integer() > most)
    throw Error(std::string(key) + " is not a whole number from 0 to " + std::to_string(most));
  return static_cast<std::uint64_t>(*found->integer());
}

// SCMP_ACT_ERRNO and SCMP_ACT_TRACE carry a number, EPERM unless said.
std::uint32_t action_of(const Json& json, const char* key, const char* number_key) {
  const Json* found = json.find(key);
  if (found == nullptr) throw Error(std::string(key) + " is missing");
  const auto carried =
      static_cast<std::uint16_t>(json.find(number_key) == nullptr ? EPERM : number(json, number_key, most_errno));
  if (found->string() != nullptr && *found->string() == "SCMP_ACT_NOTIFY")
    throw Error("SCMP_ACT_NOTIFY needs a program that answers for the kernel, which is not supported");
  return word_of<std::uint32_t>(*found, key,
                                {{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
                                 {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(carried)},
                                 {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
                                 {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
                                 {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
                                 {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
                                 {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(carried)},
                                 {"SCMP_ACT_LOG", SCMP_ACT_LOG}});
}

ArgumentTest argument_of(const Json& json) {
  require_keys(json, {"index", "value", "valueTwo", "op"});
  if (json.find("op") == nullptr) throw Error("op is missing");
  ArgumentTest test;
  test.index = static_cast<unsigned>(number(json, "index", most_arguments - 1));
  test.value = number(json, "value");
  test.second = number(json, "valueTwo");
  test.comparison = word_of(*json.find("op"), "op", comparisons());
  return test;
}

RuleCondition condition_of(const Json& rule, const char* key) {
  RuleCondition condition;
  const Json* json = rule.find(key);
  if (json == nullptr || json->is_null()) return condition;
  const Context context(key);
  require_keys(*json, {"caps", "arches", "minKernel"});
  condition.capabilities = strings(*json, "caps");
  condition.machines = strings(*json, "arches");
  for (const auto& name : condition.capabilities)
    if (!parse_capability(name)) throw Error("unknown capability '" + base::escape_control(name) + "'");
  if (const Json* kernel = json->find("minKernel"); kernel != nullptr && !kernel->is_null()) {
    if (kernel->string() == nullptr || kernel->string()->find_first_not_of("0123456789.") != std::string::npos)
      throw Error("minKernel is not a version such as 4.8");
    condition.oldest_kernel = *kernel->string();
  }
  return condition;
}

ProfileRule rule_of(const Json& json) {
  require_keys(json, {"comment", "name", "names", "action", "errnoRet", "args", "includes", "excludes"});
  ProfileRule rule;
  rule.names = strings(json, "names");
  if (const Json* name = json.find("name"); name != nullptr && name->string() != nullptr)
    rule.names.push_back(*name->string());
  if (rule.names.empty()) throw Error("names is missing");
  rule.action = action_of(json, "action", "errnoRet");
  for_items(json, "args", [&](const Json& item) { rule.arguments.push_back(argument_of(item)); });
  rule.includes = condition_of(json, "includes");
  rule.excludes = condition_of(json, "excludes");
  return rule;
}

// Architectures whose calls are filtered as well: those listed with this machine's own.
void read_architectures(const Json& json, SeccompProfile& profile) {
  const auto add = [&](const Json& item) {
    const std::uint32_t token = word_of(item, "architecture", architectures());
    if (token != 0 && token != seccomp_arch_native()) profile.architectures.push_back(token);
  };
  for_items(json, "architectures", add);
  for_items(json, "archMap", [&](const Json& entry) {
    require_keys(entry, {"architecture", "subArchitectures"});
    if (entry.find("architecture") == nullptr) throw Error("architecture is missing");
    const bool ours = word_of(*entry.find("architecture"), "architecture", architectures()) == seccomp_arch_native();
    for_items(entry, "subArchitectures", [&](const Json& item) {
      word_of(item, "architecture", architectures());
      if (ours) add(item);
    });
  });
}

}  // namespace

SeccompProfile parse_seccomp_profile(std::string_view text) {
  const Json json = Json::parse(text);
  require_keys(json, {"defaultAction", "defaultErrnoRet", "architectures", "archMap", "syscalls"});
  SeccompProfile profile;
  profile.default_action = action_of(json, "defaultAction", "defaultErrnoRet");
  read_architectures(json, profile);
  for_items(json, "syscalls", [&](const Json& item) { profile.rules.push_back(rule_of(item)); });
  return profile;
}

}  // namespace conductor::linux
