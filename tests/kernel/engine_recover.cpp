// What a killed command leaves is put in order by the next one.
#include "engine/directory.hpp"
#include "engine_rig.hpp"
#include "linux/netlink.hpp"
#include "linux/process.hpp"
#include "store/records.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>

using namespace conductor;

namespace {

constexpr std::chrono::seconds patience(20);

monitor::Status wait_for_phase(EngineRig& rig, const std::string& id, monitor::Phase phase) {
  REQUIRE(rig.engine().runtime().wait_for(id, [&](const monitor::Status& s) { return s.phase == phase; }, patience));
  return *rig.engine().runtime().status(id);
}

// The one container there is, once it has a status.
std::string wait_for_container(EngineRig& rig) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline)
    for (const auto& id : store::list_directory(rig.locations().containers()))
      if (rig.engine().runtime().status(id)) return id;
  FAIL("no container is started");
  return {};
}

// Sleeps for ever in a build step; ends only by a signal.
[[noreturn]] void sleep_in_build_step(EngineRig& rig, const std::vector<std::string>& lower) {
  try {
    image::LayerDraft draft(rig.locations());
    engine::BuildStep step;
    step.lower = lower;
    step.upper = draft.upper();
    step.work = draft.work();
    step.network = false;
    step.process.arguments = {"sleep", "1000"};
    rig.engine().run_build_step(step, {});
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

// As the monitor leaves it whose starter was killed: it takes its files away, then a program of its own tells the
// network, unless that is killed, too.
void end_without_a_word(EngineRig& rig, const engine::Container& container) {
  const auto status = wait_for_phase(rig, container.id, monitor::Phase::running);
  for (const auto& process : {status.monitor, status.process}) {
    const auto opened = linux::open_process(process);
    linux::send_signal(*opened, SIGKILL);
    linux::wait_ended(*opened, -1);
  }
  linux::remove_tree(rig.locations().run(container.id));
  REQUIRE(rig.engine().network().find(container.id)->interface != "");
}

}  // namespace

TEST_CASE("recover: a command killed while its container runs; the container goes on and is cleaned up after") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  auto config = rig.config({"sleep", "1000"});
  config.auto_remove = true;
  config.network = engine::NetworkMode::none;
  const auto container = rig.create(config);
  in_killed_process([&] { static auto created = rig.engine().start_attached(container.id, {}); });
  rig.engine().recover();
  CHECK(rig.engine().observe(container).status.phase == monitor::Phase::running);
  rig.engine().runtime().send_signal(container.id, SIGKILL);
  wait_for_phase(rig, container.id, monitor::Phase::exited);
  rig.engine().recover();
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("recover: a container half made or half removed is gone, its name is free") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  auto config = rig.config({"sleep", "1000"});
  config.name = "half";
  const auto container = rig.create(config);
  rig.engine().start(container.id);
  // The record is what is written last and taken away first.
  store::remove_file(engine::record_path(rig.locations(), container.id));
  CHECK_FALSE(rig.engine().exists("half"));
  rig.engine().recover();
  CHECK(rig.census_when(before) == before);
  CHECK_NOTHROW(rig.create(config));
}

TEST_CASE("recover: a name without container is given up; what another command works on is left alone") {
  NEEDS_MACHINE();
  EngineRig rig;
  REQUIRE(engine::take_name(rig.locations(), "stray", store::new_id()));
  const std::string working = store::new_id();
  auto lock = std::make_optional(engine::make_directory(rig.locations(), working));
  REQUIRE(engine::take_name(rig.locations(), "fresh", working));
  // It is being set up: there is a run directory, and no status yet.
  store::make_directory(rig.locations().run(working));
  rig.engine().recover();
  CHECK(access(rig.locations().run(working).c_str(), F_OK) == 0);
  CHECK_FALSE(engine::id_of_name(rig.locations(), "stray"));
  CHECK(engine::id_of_name(rig.locations(), "fresh") == working);
  lock.reset();
  rig.engine().recover();
  CHECK_FALSE(engine::id_of_name(rig.locations(), "fresh"));
}

TEST_CASE("recover: a place in the network that nothing else tells of") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  const auto container = rig.create(rig.config({"sleep", "1000"}));
  rig.engine().start(container.id);
  end_without_a_word(rig, container);
  rig.engine().recover();
  CHECK(rig.engine().network().find(container.id)->interface == "");
  CHECK(rig.engine().network().verify().empty());
  rig.engine().remove(container.id, false);

  const auto lost = rig.create(rig.config({"sleep", "1000"}));
  rig.engine().start(lost.id);
  end_without_a_word(rig, lost);
  linux::remove_tree(rig.locations().container(lost.id));
  rig.engine().recover();
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("engine: verifying takes out what has ended, and reports the rest") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto gone = rig.create(rig.config({"sleep", "1000"})), stays = rig.create(rig.config({"sleep", "1000"}));
  for (const auto* container : {&gone, &stays}) rig.engine().start(container->id);
  end_without_a_word(rig, gone);
  CHECK_FALSE(rig.engine().network().verify().empty());
  CHECK(rig.engine().verify_network().empty());
  CHECK(rig.engine().network().find(stays.id)->interface != "");
  linux::Netlink netlink;
  netlink.remove_link(netlink.link(rig.engine().network().find(stays.id)->interface)->index);
  netlink.send();
  const auto findings = rig.engine().verify_network();
  CHECK_FALSE(findings.empty());
  for (const auto& finding : findings) CHECK(finding.ids == std::vector{stays.id});
}

TEST_CASE("recover: a build step whose command was killed") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  const auto lower = rig.engine().images().lower_directories(rig.engine().images().resolve("box", {}));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) sleep_in_build_step(rig, lower);
  const std::string id = wait_for_container(rig);
  wait_for_phase(rig, id, monitor::Phase::running);
  ::kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  wait_for_phase(rig, id, monitor::Phase::exited);  // nobody wants it any more: its monitor ends it
  rig.engine().recover();
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("recover: a damaged record is named, the others work, and it can be removed") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  const auto good = rig.create(rig.config({"true"}));
  auto config = rig.config({"true"});
  config.name = "bad";
  const auto bad = rig.create(config);
  store::write_file_atomically(engine::record_path(rig.locations(), bad.id), "{", false);
  const auto all = rig.engine().list();
  REQUIRE(all.size() == 1);
  CHECK(all.front().container.id == good.id);
  CHECK_THROWS_AS(rig.engine().find("bad"), store::DamagedRecord);
  rig.engine().remove(rig.engine().resolve("bad"), false);
  rig.engine().remove(good.id, false);
  CHECK(rig.census_when(before) == before);
}

TEST_CASE("recover: remove works when parts are gone already") {
  NEEDS_MACHINE();
  EngineRig rig;
  const auto before = rig.census();
  const auto container = rig.create(rig.config({"sleep", "1000"}));
  rig.engine().start(container.id);
  const auto status = wait_for_phase(rig, container.id, monitor::Phase::running);
  linux::send_signal(*linux::open_process(status.monitor), SIGKILL);
  linux::send_signal(*linux::open_process(status.process), SIGKILL);
  linux::remove_tree(rig.locations().run(container.id));
  rig.engine().network().forget(container.id);
  rig.engine().remove(container.id, true);
  CHECK(rig.census_when(before) == before);
}
