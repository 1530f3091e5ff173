#include "base/error.hpp"
#include "cli/limit_options.hpp"
#include "cli/process_columns.hpp"
#include "support/catch.hpp"

using namespace conductor;

namespace {

struct Said {
  linux::CgroupLimits limits;
  int oom_score = 0;
};

Said said(const std::vector<std::string>& words) {
  cli::Options options("run", "");
  cli::LimitOptions limits;
  limits.declare(options);
  options.parse(words);
  return {limits.limits(), limits.oom_score_adjust()};
}

std::string refusal(const std::vector<std::string>& words) {
  try {
    said(words);
  } catch (const base::Error& e) {
    CHECK(e.exit_code() == base::exit_usage);
    return e.message();
  }
  return "(nothing)";
}

std::vector<std::string> headings(const std::vector<std::string>& words) {
  std::vector<std::string> list;
  for (const auto& column : cli::process_columns(words)) list.emplace_back(column.heading);
  return list;
}

}  // namespace

TEST_CASE("limit options: docker's words and the older ones") {
  constexpr std::int64_t mebibyte = 1 << 20;
  CHECK(said({"-m", "64m"}).limits.memory == 64 * mebibyte);
  CHECK(said({"--memory-in-bytes", "67108864"}).limits.memory == 64 * mebibyte);
  CHECK(said({"--mem", "64", "--swap", "32"}).limits.memory_swap == 96 * mebibyte);
  CHECK(said({"-m", "64m", "--memory-swap", "-1"}).limits.memory_swap == -1);
  CHECK(said({"--cpus", "1.5"}).limits.cpus == 1.5);
  CHECK(said({"--cpu-quota", "-1"}).limits.cpu_quota == -1);
  CHECK(said({"--cpuset-mems", "0-1"}).limits.cpuset_memory == "0-1");
  CHECK(said({"--pids", "9"}).limits.pids == 9);
  CHECK(said({"--pids-limit", "0"}).limits.pids == -1);
  CHECK(said({"--oom-score-adj=-500"}).oom_score == -500);
  CHECK(said({"--oom-kill-disable"}).limits.oom_kill_disable);
}

TEST_CASE("limit options: 0 is as if nothing had been said") {
  CHECK(said({"-m", "0", "--cpus", "0", "--cpu-shares", "0", "--cpu-period", "0", "--cpu-quota", "0", "--blkio-weight",
              "0", "--memory-swap", "0", "--memory-swappiness", "-1", "--cpuset-cpus", ""})
            .limits == linux::CgroupLimits{});
}

TEST_CASE("limit options: block I/O, with a device or without, several on one disk") {
  const auto limits = said({"--device-read-bps", "/dev/sda:1mb", "--device-write-iops=/dev/sda:100",
                            "--device-write-bps", "2gb", "--blkio-weight-device", "/a:b:300"})
                          .limits;
  REQUIRE(limits.block.size() == 3);
  CHECK(limits.block[0] == linux::BlockLimit{"/dev/sda", 1 << 20, {}, {}, 100, {}});
  CHECK(limits.block[1] == linux::BlockLimit{"", {}, std::int64_t{2} << 30, {}, {}, {}});
  CHECK(limits.block[2] == linux::BlockLimit{"/a:b", {}, {}, {}, {}, 300});
}

TEST_CASE("limit options: what does not fit is refused by name") {
  CHECK_THAT(refusal({"--memory-swap", "much"}), Contains("--memory-swap: 'much'"));
  CHECK_THAT(refusal({"--swap", "8"}), Contains("--swap needs --mem"));
  CHECK_THAT(refusal({"--cpus", "-1"}), Contains("--cpus"));
  CHECK_THAT(refusal({"--pids-limit", "-2"}), Contains("'-2'"));
  CHECK_THAT(refusal({"--device-read-bps", "sda:1mb"}), Contains("whole path"));
  CHECK_THAT(refusal({"--device-read-bps", "0"}), Contains("--device-read-bps"));
  CHECK_THAT(refusal({"--device-read-iops", "1k"}), Contains("operations a second"));
  CHECK_THAT(refusal({"--oom-score-adj", "1001"}), Contains("-1000 to 1000"));
  CHECK_THAT(refusal({"--kernel-memory", "4m"}), Contains("--kernel-memory is not supported"));
  CHECK_THAT(refusal({"--cpu-rt-runtime", "1"}), Contains("--cpu-rt-runtime is not supported"));
}

TEST_CASE("top: the columns of ps") {
  using List = std::vector<std::string>;
  CHECK(headings({}) == List{"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"});
  CHECK(headings({"-ef"}) == headings({}));
  CHECK(headings({"-o", "pid,user,args"}) == List{"PID", "USER", "CMD"});
  CHECK(headings({"pid", "comm"}) == List{"PID", "COMMAND"});
  CHECK(headings({"aux"}).front() == "USER");
  CHECK_THROWS_WITH(headings({"-o", "pid,usr"}), Contains("'usr'"));
  CHECK_THROWS_WITH(headings({"-z"}), Contains("'-z'"));
  CHECK_THROWS_WITH(headings({"-o"}), Contains("needs columns"));
}
