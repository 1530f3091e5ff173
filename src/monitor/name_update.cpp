#include "monitor/name_update.hpp"

#include "base/error.hpp"
#include "linux/events.hpp"
#include "monitor/tolerant.hpp"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace conductor::monitor {
namespace {

using Clock = std::chrono::steady_clock;
using linux::Fd;

constexpr std::size_t most_runs = 2;
constexpr std::chrono::seconds patience(10);
constexpr const char* environment = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

linux::Child spawn(std::vector<std::string> arguments) {
  const Fd null = linux::open_file("/dev/null", O_RDWR);
  const std::string program = arguments.front();
  return linux::spawn({program, std::move(arguments), {environment}, {null.get(), null.get(), null.get()}, true});
}

}  // namespace

NameUpdates::NameUpdates(Loop& loop, NameBook& book, std::vector<std::string> program)
    : loop_(loop), book_(book), program_(std::move(program)), timer_(linux::make_timer()) {
  loop_.add(timer_.get(), EPOLLIN, tolerant([this] { on_timer(); }));
}

// A command that is killed leaves nothing that the next one does not put in order.
NameUpdates::~NameUpdates() {
  loop_.remove(timer_.get());
  for (const auto& [name, run] : runs_) {
    loop_.remove(run.process.pidfd.get());
    linux::send_signal(run.process.pidfd, SIGKILL);
    linux::wait_for(run.process.pidfd);
  }
}

void NameUpdates::tell(const std::string& name, const NameBook::Addresses& addresses, Done done) {
  if (program_.empty() || book_.is_told(name, addresses)) return done(true);
  if (busy()) return done(false);
  waiting_.push_back({name, addresses, false, std::move(done)});
  start_next();
}

void NameUpdates::tell_anew(const std::string& name) {
  if (program_.empty()) return book_.set_told(name, book_.current(name));
  waiting_.push_back({name, {}, true, [](bool) {}});
  start_next();
}

void NameUpdates::start_next() {
  for (std::size_t i = 0; i < waiting_.size() && runs_.size() < most_runs;) {
    const std::string name = waiting_[i].name;
    if (runs_.contains(name) || start(name))
      ++i;
    else
      finish(name, {}, false), i = 0;
  }
}

bool NameUpdates::start(const std::string& name) {
  Run run;
  run.addresses = book_.current(name);
  auto arguments = program_;
  arguments.push_back(name);
  for (const auto& address : run.addresses) arguments.push_back(linux::to_text(address));
  try {
    run.process = spawn(std::move(arguments));
  } catch (const base::Error&) {
    return false;
  }
  run.deadline = Clock::now() + patience;
  loop_.add(run.process.pidfd.get(), EPOLLIN, tolerant([this, name] { on_end(name); }));
  runs_[name] = std::move(run);
  arm();
  return true;
}

void NameUpdates::on_end(const std::string& name) {
  const auto found = runs_.find(name);
  const Run run = std::move(found->second);
  runs_.erase(found);
  loop_.remove(run.process.pidfd.get());
  const bool told = linux::wait_for(run.process.pidfd).shell_code() == 0;
  if (told) book_.set_told(name, run.addresses);
  finish(name, run.addresses, told);
  start_next();
}

// Those who wait for what became known only meanwhile wait for the next run.
void NameUpdates::finish(const std::string& name, const NameBook::Addresses& addresses, bool told) {
  std::vector<Waiting> served;
  const auto is_served = [&](const Waiting& one) {
    if (one.name != name) return false;
    return one.anew ? !told || book_.current(name) == addresses : !told || book_.is_told(name, one.addresses);
  };
  for (auto& one : waiting_)
    if (is_served(one)) served.push_back({one.name, one.addresses, one.anew, std::exchange(one.done, nullptr)});
  std::erase_if(waiting_, [](const Waiting& one) { return !one.done; });
  for (const auto& one : served) one.done(told);
}

void NameUpdates::on_timer() {
  linux::clear_timer(timer_);
  for (const auto& [name, run] : runs_)
    if (run.deadline <= Clock::now()) linux::send_signal(run.process.pidfd, SIGKILL);
  arm();
}

void NameUpdates::arm() {
  if (runs_.empty()) return linux::arm_timer(timer_, std::chrono::nanoseconds(0));
  auto next = Clock::time_point::max();
  for (const auto& [name, run] : runs_) next = std::min(next, run.deadline);
  linux::arm_timer(timer_, std::max<std::chrono::nanoseconds>(next - Clock::now(), std::chrono::milliseconds(100)));
}

}  // namespace conductor::monitor
