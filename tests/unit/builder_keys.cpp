// The cache's keys: what must change them, and what must not.
#include "builder/cache_key.hpp"
#include "support/catch.hpp"

#include <functional>

using namespace conductor::builder;

namespace {

RunStep run() {
  RunStep step;
  step.arguments = {"/bin/sh", "-c", "make"};
  step.environment = {"A=1", "B=2"};
  step.user = "app";
  step.working_directory = "/src";
  return step;
}

CopyStep copy() {
  CopyStep step;
  step.sources = {"a"};
  step.destination = "/x/";
  return step;
}

InputFile file() {
  InputFile result;
  result.path = "a";
  result.target = "a";
  result.content = std::string(64, '1');
  result.status.st_mode = S_IFREG | 0644;
  result.status.st_uid = 1000;
  result.status.st_mtim.tv_sec = 100;
  return result;
}

std::string key(const CopyStep& step, const InputFile& input, const std::string& chain = "chain") {
  return key_of(step, chain, std::vector<std::vector<Selected>>{{{false, {input}}}});
}

template <class T>
using Change = std::pair<const char*, std::function<void(T&)>>;

}  // namespace

TEST_CASE("a RUN's key changes with everything its result depends on") {
  const std::string before = key_of(run(), "chain");
  CHECK(before.size() == 64);
  CHECK(key_of(run(), "chain") == before);
  CHECK(key_of(run(), "other chain") != before);
  const std::vector<Change<RunStep>> changes{
      {"command", [](RunStep& s) { s.arguments[2] = "make all"; }},
      {"words, not their text", [](RunStep& s) { s.arguments = {"/bin/sh", "-c make"}; }},
      {"script", [](RunStep& s) { s.script = "#!/bin/sh\n"; }},
      {"a variable's value", [](RunStep& s) { s.environment[0] = "A=2"; }},
      {"a further variable", [](RunStep& s) { s.environment.push_back("C="); }},
      {"the border between variables", [](RunStep& s) { s.environment = {"A=1B=2"}; }},
      {"user", [](RunStep& s) { s.user = "root"; }},
      {"directory", [](RunStep& s) { s.working_directory = "/"; }},
      {"network", [](RunStep& s) { s.network = NetworkChoice::none; }},
      {"security", [](RunStep& s) { s.security = "insecure"; }},
      {"hosts", [](RunStep& s) { s.add_hosts = {"a:1.2.3.4"}; }},
      {"a mount", [](RunStep& s) { s.mounts.emplace_back().target = "/m"; }},
  };
  for (const auto& [what, change] : changes) {
    INFO(what);
    RunStep step = run();
    change(step);
    CHECK(key_of(step, "chain") != before);
  }
  RunStep step = run();
  step.proxies = {"HTTP_PROXY=p"};
  CHECK(key_of(step, "chain") == before);
}

TEST_CASE("a COPY's key changes with the instruction and the chain") {
  const std::string before = key(copy(), file());
  CHECK(key(copy(), file()) == before);
  CHECK(key(copy(), file(), "other chain") != before);
  const std::vector<Change<CopyStep>> changes{
      {"destination", [](CopyStep& s) { s.destination = "/y/"; }},
      {"file or directory", [](CopyStep& s) { s.destination = "/x"; }},
      {"owner", [](CopyStep& s) { s.chown = "app"; }},
      {"mode", [](CopyStep& s) { s.chmod = 0600; }},
      {"mode 0", [](CopyStep& s) { s.chmod = 0; }},
      {"a here-document", [](CopyStep& s) { s.inline_files = {{"EOF", ""}}; }},
      {"where from", [](CopyStep& s) { s.from.kind = Origin::Kind::image; }},
  };
  for (const auto& [what, change] : changes) {
    INFO(what);
    CopyStep step = copy();
    change(step);
    CHECK(key(step, file()) != before);
  }
}

TEST_CASE("a COPY's key changes with the content of its files, not with their times") {
  const std::string before = key(copy(), file());
  const std::vector<Change<InputFile>> changes{
      {"name", [](InputFile& f) { f.target = "b"; }},
      {"content", [](InputFile& f) { f.content = std::string(64, '2'); }},
      {"mode", [](InputFile& f) { f.status.st_mode = S_IFREG | 0755; }},
      {"type", [](InputFile& f) { f.status.st_mode = S_IFLNK | 0644; }},
  };
  for (const auto& [what, change] : changes) {
    INFO(what);
    InputFile input = file();
    change(input);
    CHECK(key(copy(), input) != before);
  }
  InputFile input = file();
  input.status.st_mtim.tv_sec = 200;
  input.status.st_ino = 7;
  input.status.st_uid = 0;  // files of the context belong to root in the image, whoever owns them here
  CHECK(key(copy(), input) == before);
}

TEST_CASE("the owner counts where it is kept") {
  CopyStep step = copy();
  step.from.kind = Origin::Kind::stage;
  InputFile other = file();
  other.status.st_uid = 0;
  CHECK(key(step, file()) != key(step, other));
  step.chown = "1:1";
  CHECK(key(step, file()) == key(step, other));
}

TEST_CASE("a mode that --chmod replaces does not count") {
  CopyStep step = copy();
  step.chmod = 0600;
  InputFile other = file();
  other.status.st_mode = S_IFREG | 0755;
  CHECK(key(step, file()) == key(step, other));
}

TEST_CASE("a chain tells images and layers and their order apart") {
  const std::string base = chain_of_image("id");
  CHECK(chain_of_image("other") != base);
  CHECK(chain_of_image("id", 0) != base);
  CHECK(chain_of_image("id", 1) != chain_of_image("id", 0));
  CHECK(chain_with_layer(base, "a") != base);
  CHECK(chain_with_layer(chain_with_layer(base, "a"), "b") != chain_with_layer(chain_with_layer(base, "b"), "a"));
}

TEST_CASE("kinds of steps never share a key") {
  CHECK(key_of(WorkdirStep{"/a", {}}, "chain") != key_of(WorkdirStep{"/b", {}}, "chain"));
  CHECK(key_of(WorkdirStep{"/a", {}}, "chain") != key_of(WorkdirStep{"/a", {}}, "other"));
  CHECK(key_of(copy(), "chain", "origin") != key_of(copy(), "chain", "other origin"));
}

TEST_CASE("what is mounted counts where it is given") {
  RunStep step = run();
  step.mounts.emplace_back().target = "/m";
  const std::string before = key_of(step, "chain", {"content"});
  CHECK(key_of(step, "chain", {"content"}) == before);
  CHECK(key_of(step, "chain", {"other"}) != before);
  CHECK(key_of(step, "chain", {"content", ""}) != before);
  step.mounts.back().read_only = true;
  CHECK(key_of(step, "chain", {"content"}) != before);
  InputFile other = file();
  const std::string files = key_of_files({{false, {file()}}});
  other.content = std::string(64, '2');
  CHECK(key_of_files({{false, {other}}}) != files);
  other = file();
  other.status.st_uid = 7;
  CHECK(key_of_files({{false, {other}}}) != files);
}
