#include "cli/build_options.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/older_forms.hpp"
#include "cli/security_options.hpp"
#include "linux/terminal.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace conductor::cli {

namespace {

constexpr const char* standard_input = "-";

[[noreturn]] void refuse(const std::string& message, const std::string& hint = {}) {
  throw base::Error(message).with_exit_code(base::exit_usage).with_hint(hint);
}

bool is_directory(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Of an archive or a git repository; which of them, and whether it is one, is the builder's to say.
bool is_url(const std::string& text) {
  static constexpr std::array schemes = {"http://", "https://", "git://", "ssh://", "git@", "github.com/"};
  return std::ranges::any_of(schemes, [&](const char* scheme) { return text.starts_with(scheme); });
}

}  // namespace

void BuildWords::declare(Options& options) {
  declare_inputs(options);
  declare_steps(options);
  declare_results(options);
  declare_others(options);
  options.words("CONTEXT", words_, 1);
  options.note(
      "CONTEXT is a directory, a URL of an archive or a git repository, or - for an archive on standard input.");
  options.note("Also: conductor build NAME [FILE]");
}

void BuildWords::declare_inputs(Options& options) {
  options.option("-f,--file", plain_.file,
                 "build file; Conductorfile or Dockerfile of the context; - is standard input", "FILE");
  options.option("--target", plain_.target, "stage to build", "STAGE");
  options.option("--build-arg", arguments_, "value of an ARG, NAME=value or NAME", "ARGUMENT");
  options.option("--build-context", contexts_, "a further context: a directory, docker-image://IMAGE or a URL",
                 "NAME=PLACE");
  options.option("--secret", secrets_, "a secret for RUN --mount=type=secret: id=NAME,src=FILE or id=NAME,env=VARIABLE",
                 "SECRET");
  options.option("--ssh", ssh_, "an ssh agent for RUN --mount=type=ssh: default or ID=SOCKET", "AGENT");
  options.flag("--pull", plain_.pull, "look for newer versions of base images");
  options.option("--platform", platforms_, "the machine's own platform, and no other", "PLATFORM");
}

void BuildWords::declare_steps(Options& options) {
  options.flag("--no-cache", plain_.no_cache, "execute every step");
  options.option("--no-cache-filter", filters_, "execute every step of those stages", "STAGE[,STAGE]");
  options.option("--cache-from", cache_from_, "take steps from what --cache-to wrote: type=local,src=DIR", "CACHE");
  options.option("--cache-to", cache_to_, "write the steps for another machine: type=local,dest=DIR", "CACHE");
  options.option("--network", network_, "of RUN: default, none or host", "MODE");
  options.option("--add-host", hosts_, "a further line of /etc/hosts for RUN", "NAME:ADDRESS");
  options.option("--ulimit", ulimits_, "a resource limit for RUN", "NAME=SOFT[:HARD]");
  options.size("--shm-size", shm_size_, "size of /dev/shm for RUN");
  options.flag("--strict", plain_.strict, "refuse extensions to the Dockerfile language");
  options.flag("--lock", plain_.lock, "write conductor.lock: base packages, image digests, ADD checksums");
  options.flag("--locked", plain_.locked, "refuse what differs from conductor.lock");
}

void BuildWords::declare_results(Options& options) {
  options.option("-t,--tag", plain_.tags, "name of the image", "NAME[:TAG]");
  options.option("--label", labels_, "a label of the image, NAME=value", "LABEL");
  options.option("-o,--output", outputs_, "where the result goes: DIR, or type=local|tar|oci|docker,dest=PLACE",
                 "OUTPUT");
  options.flag("--load", load_, "the result goes to the images of this machine, as it does without -o");
  options.option("--iidfile", id_file_, "write the image's id to a file", "FILE");
  options.option("--metadata-file", metadata_file_, "write what was built to a file, as JSON", "FILE");
  options.flag("-q,--quiet", quiet_, "say nothing but the image's id");
  options.option("--progress", progress_, "auto, plain, tty, json or quiet", "KIND");
  options.option("--call", call_, "build, check, outline, targets or ast; with ,format=json", "METHOD");
  options.flag("--check", check_, "as --call=check: what is probably not meant");
  options.flag("--verify", verify_, "build twice without the cache and name what differs");
}

// What is accepted because it asks for what is so anyway, and what is refused.
void BuildWords::declare_others(Options& options) {
  options.flag("--rm,--force-rm,--compress", ignored_, "accepted: nothing is left between steps anyway");
  options.option("--provenance", provenance_, "accepted when false: none is made", "false");
  options.option("--sbom", attestation_, "accepted when false: none is made", "false");
  options.option("--allow", allowed_, "accepted for network.host, which needs no permission", "RIGHT");
  options.refused("--push", "there is no transfer to registries yet; -o type=oci,dest=FILE makes an archive to send");
  options.refused("--squash", "a build with stages copies what is needed into a fresh one: COPY --from=STAGE / /");
  options.refused("--memory -m --memory-swap --cpu-shares -c --cpu-period --cpu-quota --cpuset-cpus --cpuset-mems",
                  "limit the build from outside, with systemd-run -p MemoryMax=…; --ulimit limits single steps");
  options.refused("--isolation --security-opt --cgroup-parent",
                  "every RUN has the confinement of 'run', and no other: see docs/build.md");
  options.refused("--builder", "there is one builder, and it is this program");
  options.refused("--attest --annotation", "images carry labels: --label NAME=value");
}

BuildRequest BuildWords::read(const Surroundings& around) const {
  BuildRequest request;
  request.options = plain_;
  read_context(request.options, around);
  read_steps(request.options, around);
  read_results(request, around);
  for (const auto& tag : request.options.tags) {
    try {
      image::parse_reference(tag);
    } catch (base::Error& e) {
      e.with_exit_code(base::exit_usage);
      throw;
    }
  }
  return request;
}

void BuildWords::read_context(builder::BuildOptions& wanted, const Surroundings& around) const {
  if (const auto older = older_build(words_, !wanted.tags.empty() || !wanted.file.empty(),
                                     [](const std::string& word) { return is_directory(word) || is_url(word); })) {
    wanted.tags = {older->name};
    wanted.context = ".";
    wanted.file = older->file.empty() ? "Conductorfile" : older->file;
  } else {
    if (words_.size() != 1) refuse("'build' takes one context, not '" + base::escape_control(words_[1]) + "' as well");
    wanted.context = words_.front();
  }
  const std::string shown = "'" + base::escape_control(wanted.context) + "'";
  const bool from_input = wanted.context == standard_input;
  if (from_input && wanted.file == standard_input)
    refuse("the context and the build file cannot both be standard input");
  if ((from_input || wanted.file == standard_input) && linux::is_terminal(STDIN_FILENO))
    refuse("standard input is a terminal", "send a file or an archive to it: conductor build - < Conductorfile");
  if (!from_input && !is_url(wanted.context) && !is_directory(wanted.context))
    refuse("the build context " + shown + " is no directory");
  wanted.args = read_arguments(arguments_, around);
  wanted.contexts = read_contexts(contexts_);
  for (const auto& secret : secrets_) wanted.secrets.push_back(read_secret(secret, around));
  for (const auto& agent : ssh_) wanted.ssh.push_back(read_ssh(agent, around));
  for (const auto& platform : platforms_) check_platform(platform, image::native_architecture());
}

void BuildWords::read_steps(builder::BuildOptions& wanted, const Surroundings& around) const {
  for (const auto& filter : filters_)
    for (const auto& stage : base::split(filter, ','))
      if (!stage.empty()) wanted.no_cache_filter.push_back(base::lower(stage));
  for (const auto& cache : cache_from_) wanted.cache_from.push_back(read_cache("--cache-from", cache));
  for (const auto& cache : cache_to_) wanted.cache_to.push_back(read_cache("--cache-to", cache));
  wanted.network = read_build_network(network_);
  for (const auto& host : hosts_) wanted.add_hosts.push_back(read_build_host(host));
  for (const auto& limit : read_ulimits(ulimits_)) wanted.limits.push_back(limit);
  if (shm_size_) wanted.shm_size = *shm_size_;

  const auto given = wanted.args.find("SOURCE_DATE_EPOCH");
  const auto epoch = given != wanted.args.end() ? std::optional(given->second) : around.variable("SOURCE_DATE_EPOCH");
  if (epoch && !epoch->empty()) wanted.source_date_epoch = read_epoch(*epoch);
  if (wanted.lock && wanted.locked) refuse("options --lock and --locked exclude each other");

  for (const auto& right : allowed_)
    if (right != "network.host")
      refuse("option --allow: '" + base::escape_control(right) + "' is not supported",
             right == "security.insecure" ? "every RUN is confined" : "network.host is");
  for (const auto& [option, value] : {std::pair{"--provenance", provenance_}, std::pair{"--sbom", attestation_}})
    if (!value.empty() && value != "false" && value != "0")
      refuse(std::string("option ") + option + " is not supported yet", "but for " + std::string(option) + "=false");
}

void BuildWords::read_results(BuildRequest& request, const Surroundings& around) const {
  auto& wanted = request.options;
  wanted.labels = read_build_labels(labels_);
  for (const auto& output : outputs_) wanted.outputs.push_back(read_output(output, wanted.tags, around));
  if (load_ && !wanted.outputs.empty()) wanted.outputs.emplace_back();
  const auto to_stdout =
      std::ranges::count_if(wanted.outputs, [](const auto& output) { return output.destination == standard_input; });
  if (to_stdout > 1) refuse("only one output can go to standard output");
  request.result_on_stdout = to_stdout == 0;

  if (check_ && call_ && read_call(*call_).kind != BuildCall::Kind::check)
    refuse("options --check and --call=" + base::escape_control(*call_) + " exclude each other");
  request.call = read_call(call_.value_or(check_ ? "check" : "build"));
  request.progress = progress_kind(around);
  request.id_file = id_file_;
  request.metadata_file = metadata_file_;
  request.verify = verify_;
}

ProgressKind BuildWords::progress_kind(const Surroundings& around) const {
  static constexpr std::array kinds = {
      std::pair{"auto", ProgressKind::automatic}, std::pair{"plain", ProgressKind::plain},
      std::pair{"tty", ProgressKind::terminal},   std::pair{"json", ProgressKind::json},
      std::pair{"quiet", ProgressKind::quiet},
  };
  const std::string wanted = progress_ ? *progress_ : around.variable("BUILDKIT_PROGRESS").value_or("auto");
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return wanted == k.first; });
  if (found == kinds.end()) {
    if (!progress_) return quiet_ ? ProgressKind::quiet : ProgressKind::automatic;
    refuse("option --progress: '" + base::escape_control(wanted) + "' is not auto, plain, tty, json or quiet" +
           base::did_you_mean(wanted, {"auto", "plain", "tty", "json", "quiet"}));
  }
  if (!quiet_) return found->second;
  if (progress_ && found->second != ProgressKind::automatic && found->second != ProgressKind::quiet)
    refuse("options --quiet and --progress=" + wanted + " exclude each other");
  return ProgressKind::quiet;
}

}  // namespace conductor::cli
