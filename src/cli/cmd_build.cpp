// build.
#include "base/error.hpp"
#include "base/text.hpp"
#include "builder/builder.hpp"
#include "cli/build_progress.hpp"
#include "cli/commands.hpp"
#include "cli/older_forms.hpp"
#include "cli/output.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace conductor::cli {

namespace {

bool is_directory(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// NAME=value, or NAME with the value of our own environment.
std::map<std::string, std::string> read_pairs(const std::vector<std::string>& texts, bool from_environment) {
  std::map<std::string, std::string> pairs;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (equals != std::string::npos) {
      pairs[name] = text.substr(equals + 1);
    } else if (!from_environment) {
      pairs[name] = "";
    } else if (const char* value = std::getenv(name.c_str()); value != nullptr) {
      pairs[name] = value;
    }
  }
  return pairs;
}

}  // namespace

int build(Invocation& call) {
  builder::BuildOptions wanted;
  bool quiet = false;
  std::string progress_kind = "auto";
  std::vector<std::string> arguments, labels, words;
  call.options().option("-t,--tag", wanted.tags, "name of the image", "NAME[:TAG]");
  call.options().option("-f,--file", wanted.file, "build file; Conductorfile or Dockerfile of the context", "FILE");
  call.options().option("--build-arg", arguments, "value of an ARG, NAME=value or NAME", "ARGUMENT");
  call.options().option("--label", labels, "a label of the image, NAME=value", "LABEL");
  call.options().option("--target", wanted.target, "stage to build", "STAGE");
  call.options().flag("--no-cache", wanted.no_cache, "execute every step");
  call.options().flag("-q,--quiet", quiet, "say nothing but the image's id");
  call.options().option("--progress", progress_kind, "auto or plain", "KIND");
  call.options().unsupported(
      "--add-host --cache-from --cache-to --iidfile --load --metadata-file --network --no-cache-filter --output -o "
      "--platform --pull --push --rm --force-rm --secret --ssh --squash --memory -m --cpu-shares --shm-size --ulimit "
      "--compress --isolation --security-opt --allow --annotation --attest --builder --sbom --provenance");
  call.options().words("CONTEXT", words, 1);
  call.options().note("Also: conductor build NAME [FILE]");
  call.parse();
  if (progress_kind != "auto" && progress_kind != "plain")
    throw base::Error("option --progress takes auto or plain").with_exit_code(base::exit_usage);

  if (const auto older = older_build(words, !wanted.tags.empty() || !wanted.file.empty(), is_directory)) {
    wanted.tags = {older->name};
    wanted.context = ".";
    wanted.file = older->file.empty() ? "Conductorfile" : older->file;
  } else {
    if (words.size() != 1)
      throw base::Error("'build' takes one context, not '" + base::escape_control(words[1]) + "' as well")
          .with_exit_code(base::exit_usage);
    wanted.context = words.front();
    if (wanted.context == "-") throw base::Error("a context from standard input is not supported yet");
    if (!is_directory(wanted.context))
      throw base::Error("the build context '" + base::escape_control(wanted.context) + "' is no directory");
  }
  wanted.args = read_pairs(arguments, true);
  wanted.labels = read_pairs(labels, false);

  const auto image = [&] {
    BuildProgress progress(quiet, progress_kind == "plain");
    return builder::build(call.recovered_engine(), wanted, progress.listener()).image;
  }();
  if (quiet) {
    print_line(image.id);
    return 0;
  }
  std::string names;
  for (const auto& name : wanted.tags) names += " " + image::parse_reference(name).text();
  print_line("Built " + base::short_id(image.id) + (names.empty() ? "" : " as" + names));
  return 0;
}

}  // namespace conductor::cli
