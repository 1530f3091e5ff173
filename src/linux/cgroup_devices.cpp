#include "linux/cgroup_devices.hpp"

#include "base/error.hpp"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace conductor::linux {
namespace {

using base::Error;

std::string number_or_any(std::int64_t number) { return number < 0 ? "*" : std::to_string(number); }

// --- the program of version 2 --------------------------------------------------------------------------------

// Its context is struct bpf_cgroup_dev_ctx of linux/bpf.h; it returns 1 to allow. Registers: r2 type, r3 access asked
// for, r4 major, r5 minor; r1 is the context first and then free.
enum Register : unsigned { r0, r1, r2, r3, r4, r5 };

bpf_insn instruction(unsigned code, Register to, Register from, std::int16_t offset, std::int32_t value) {
  bpf_insn result{};
  result.code = static_cast<__u8>(code);
  result.dst_reg = to & 0xFU;
  result.src_reg = from & 0xFU;
  result.off = offset;
  result.imm = value;
  return result;
}
bpf_insn load(Register to, std::size_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, to, r1, static_cast<std::int16_t>(offset), 0);
}
bpf_insn copy(Register to, Register from) { return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
bpf_insn set(Register to, std::int32_t value) { return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, r0, 0, value); }
bpf_insn keep_bits(Register to, std::int32_t mask) { return instruction(BPF_ALU64 | BPF_AND | BPF_K, to, r0, 0, mask); }
bpf_insn shift_right(Register to, std::int32_t bits) {
  return instruction(BPF_ALU64 | BPF_RSH | BPF_K, to, r0, 0, bits);
}
// Jumps over `distance` instructions unless the register has that value.
bpf_insn skip_unless(Register left, std::int64_t value, std::size_t distance) {
  return instruction(BPF_JMP32 | BPF_JNE | BPF_K, left, r0, static_cast<std::int16_t>(distance),
                     static_cast<std::int32_t>(value));
}
bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, r0, r0, 0, 0); }

std::int32_t access_bits(const std::string& access) {
  std::int32_t bits = 0;
  for (const char c : access) {
    if (c == 'm') bits |= BPF_DEVCG_ACC_MKNOD;
    if (c == 'r') bits |= BPF_DEVCG_ACC_READ;
    if (c == 'w') bits |= BPF_DEVCG_ACC_WRITE;
  }
  return bits;
}

void add_rule(std::vector<bpf_insn>& program, const DeviceRule& rule) {
  constexpr std::int32_t all_access = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
  // The number of instructions from each test to the next rule.
  std::size_t left = 6 + (rule.major >= 0 ? 1U : 0U) + (rule.minor >= 0 ? 1U : 0U);
  const auto test = [&](Register which, std::int64_t value) { program.push_back(skip_unless(which, value, --left)); };
  test(r2, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  program.push_back(copy(r1, r3));
  program.push_back(keep_bits(r1, all_access & ~access_bits(rule.access)));  // what is asked for beyond the rule
  left -= 2;
  test(r1, 0);
  if (rule.major >= 0) test(r4, rule.major);
  if (rule.minor >= 0) test(r5, rule.minor);
  program.push_back(set(r0, 1));
  program.push_back(leave());
}

std::vector<bpf_insn> device_program(const std::vector<DeviceRule>& rules) {
  constexpr std::int32_t type_bits = 0xFFFF;
  std::vector<bpf_insn> program = {
      load(r2, offsetof(bpf_cgroup_dev_ctx, access_type)),
      copy(r3, r2),
      keep_bits(r2, type_bits),
      shift_right(r3, 16),
      load(r4, offsetof(bpf_cgroup_dev_ctx, major)),
      load(r5, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (const auto& rule : rules) add_rule(program, rule);
  program.push_back(set(r0, 0));
  program.push_back(leave());
  return program;
}

long bpf(int command, bpf_attr& attributes) { return syscall(SYS_bpf, command, &attributes, sizeof attributes); }

}  // namespace

void limit_devices_v1(const std::string& directory, const std::vector<DeviceRule>& rules) {
  write_kernel_file(directory + "/devices.deny", "a");
  const Fd allow = open_file(directory + "/devices.allow", O_WRONLY);
  for (const auto& rule : rules) {
    const std::string line = std::string(1, rule.type) + " " + number_or_any(rule.major) + ":" +
                             number_or_any(rule.minor) + " " + rule.access;
    if (write(allow.get(), line.data(), line.size()) < 0) throw Error::from_errno("cannot allow device " + line);
  }
}

void limit_devices_v2(const std::string& directory, const std::vector<DeviceRule>& rules) {
  const auto instructions = device_program(rules);
  bpf_attr load_attributes{};
  load_attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load_attributes.insns = reinterpret_cast<std::uintptr_t>(instructions.data());
  load_attributes.insn_cnt = static_cast<__u32>(instructions.size());
  load_attributes.license = reinterpret_cast<std::uintptr_t>("Apache-2.0");
  const Fd program(static_cast<int>(bpf(BPF_PROG_LOAD, load_attributes)));
  if (!program) throw Error::from_errno("cannot load the device program");

  const Fd group = open_file(directory, O_RDONLY | O_DIRECTORY);
  bpf_attr attach_attributes{};
  attach_attributes.target_fd = static_cast<__u32>(group.get());
  attach_attributes.attach_bpf_fd = static_cast<__u32>(program.get());
  attach_attributes.attach_type = BPF_CGROUP_DEVICE;
  attach_attributes.attach_flags = BPF_F_ALLOW_MULTI;  // who manages groups below this one may add, never lift
  if (bpf(BPF_PROG_ATTACH, attach_attributes) != 0) throw Error::from_errno("cannot attach the device program");
}

}  // namespace conductor::linux
