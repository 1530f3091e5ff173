// The variables of a build: ARG, ENV, --build-arg and what is predefined. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace conductor::builder {

inline constexpr const char* default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

using Variables = std::map<std::string, std::string>;

// Lists of "NAME=value" as an image's configuration keeps them: names unique, in the order they were first set.
std::optional<std::string> find_variable(const std::vector<std::string>& environment, const std::string& name);
void set_variable(std::vector<std::string>& environment, const std::string& name, const std::string& value);

// BUILDPLATFORM, TARGETARCH …: what an ARG without a value may ask for. `stage` is the name of the target.
Variables platform_arguments(const std::string& architecture, const std::string& stage);
// HTTP_PROXY, no_proxy …: a RUN gets them without an ARG, and they are in no cache key.
bool is_proxy_argument(const std::string& name);
// SOURCE_DATE_EPOCH, BUILDKIT_…: they speak to the builder, so nobody misses an ARG for them.
bool is_builder_argument(const std::string& name);

// The build arguments of one stage, or of the part before the first FROM.
class Scope {
 public:
  Scope() = default;
  // `given`: --build-arg. `outer`: where an ARG without a default finds its value: the global ones, and the platform's.
  Scope(Variables given, Variables outer) : given_(std::move(given)), outer_(std::move(outer)) {}

  // An ARG instruction: --build-arg wins over the default, the default over the outer value; else it has no value.
  void declare(const std::string& name, const std::optional<std::string>& fallback);
  const Variables& values() const { return values_; }

  // For expansion: ENV wins over ARG.
  std::optional<std::string> lookup(const std::string& name, const std::vector<std::string>& environment) const;
  // What a RUN may see and its result may depend on: arguments that no ENV hides, then the ENV list.
  std::vector<std::string> run_environment(const std::vector<std::string>& environment) const;
  // Given proxies that neither ARG nor ENV name: for the process, not for the key.
  std::vector<std::string> proxies(const std::vector<std::string>& environment) const;

 private:
  Variables given_, outer_;
  Variables values_;
};

}  // namespace conductor::builder
