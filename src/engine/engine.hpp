// The few sequences that builder, compose and the command line share: a container of this image with these links and
// volumes: create, start, exec, stop, remove. Each can be killed at any point; the next command converges.
#pragma once

#include "engine/container.hpp"
#include "image/image.hpp"
#include "linux/cancellation.hpp"
#include "network/network.hpp"
#include "runtime/runtime.hpp"
#include "store/locations.hpp"
#include "volume/volume.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace conductor::engine {

// A container and how it is doing.
struct Observed {
  Container container;
  monitor::Status status;
  std::optional<network::Endpoint> endpoint;
};

// What a build step finds mounted beside its file system: nosuid and nodev all of it. Sources are descriptors, which no
// name leads to a second time; a step can neither reach around them nor leave anything in them but in a bind that is
// not read-only.
struct BuildMount {
  enum class Kind {
    bind,     // of a detached mount (clone_tree, new_overlay …)
    overlay,  // on a detached mount: what is written is thrown away with the step
    content,  // a file whose bytes are those of an open file; in memory that is never swapped out, read-only
    tmpfs,
  } kind = Kind::bind;
  int source = -1;                 // the caller's; a detached mount serves one step
  std::string inside;              // bind, overlay: what of the mount is shown, resolved within; empty: all
  std::vector<std::string> above;  // bind, overlay: directories in overlay form laid over the mount, topmost first
  std::string target;              // absolute, inside; made when missing, and taken away again
  bool read_only = false;
  std::int64_t size = 0;           // tmpfs, bytes; 0: no limit of its own
  unsigned mode = 01777;           // content, tmpfs
  std::uint32_t uid = 0, gid = 0;  // content
};

// A command executed in the file system of layers that is being built: an unnamed container without log or record, that
// ends with the process which has begun it.
struct BuildStep {
  std::vector<std::string> lower;    // topmost first
  std::string upper, work;           // `upper` is empty; mount points made in it are taken away again
  monitor::Process process;          // arguments, environment, user, working directory; confinement is filled in
  std::vector<std::string> secrets;  // more of the environment, which lies on no disk
  bool network = true;               // with internet; else only a loopback
  bool host_network = false;
  std::string hostname = "buildkitsandbox";
  std::vector<BuildMount> mounts;
  std::vector<std::string> add_hosts;          // "NAME:ADDRESS"
  std::vector<monitor::ResourceLimit> limits;  // beside the default ones
  std::int64_t shm_size = 64 << 20;
  const linux::Cancellation* cancellation = nullptr;  // ends the step; may be null
};
struct BuildStepEnd {
  int code = 0;                // as a shell says it
  bool out_of_memory = false;  // the kernel has killed a process of it
};

class Engine {
 public:
  explicit Engine(store::Locations locations);
  Engine(const Engine&) = delete;  // the network asks it for namespaces
  Engine& operator=(const Engine&) = delete;

  // Checks everything (image, names, binds, ports) before the first side effect, then reserves name, address and ports
  // and writes the record. The image is resolved, bootstrapped when it is a base.
  Container create(ContainerConfig config, const image::Progress& progress);
  // Starts one that is not running. With streams: stays attached; call wait on the result. Without: runs on by itself.
  runtime::Created start_attached(const std::string& id, const runtime::Streams& streams);
  void start(const std::string& id);
  // After the end of a container: takes it out of the network; removes it when auto_remove.
  void settle(const std::string& id);
  // `signal`: instead of its stop signal.
  void stop(const std::string& id, std::optional<std::chrono::nanoseconds> grace = std::nullopt, int signal = 0);
  void kill(const std::string& id, int signal);
  // Its processes are frozen; health checks and restarts wait. Throws when it is not running, or is (not) paused.
  void pause(const std::string& id);
  void unpause(const std::string& id);
  // Limits that are given replace the present ones, at once when it runs; the rest stays. Nothing is changed when one
  // of them cannot be kept.
  struct Changes {
    linux::CgroupLimits limits;
    std::optional<monitor::Restart> restart;
  };
  void update(const std::string& id, const Changes& changes);
  // After a reboot: starts what ran before it and has a restart policy that brings it back (always, unless-stopped), in
  // the order of creation. One that does not start is logged and does not keep the others from it; false then.
  bool boot();
  // Before the machine goes down: stops all that run, each with its own grace. `boot` brings back those that it would
  // have brought back if they had been killed. False when one could not be stopped, which is logged.
  bool shut_down();
  // A running one is refused unless `force`. `volumes`: anonymous volumes too.
  void remove(const std::string& id, bool force, bool volumes = false);
  // Runs a command with the container's environment, user and directory unless given, and the caller's streams; its
  // exit code; nothing when the caller has left it.
  struct ExecOptions {
    std::vector<std::string> command, environment;
    std::string user, working_directory, detach_keys;  // detach_keys: bytes
    bool input = true;                                 // standard input is passed on
    bool terminal = false, detach = false, privileged = false;
  };
  std::optional<int> exec(const std::string& id, const ExecOptions& options);
  // Beside others, until it has ended: its exit code, or nothing as above. Refuses one that is not running, or paused.
  std::optional<int> attach(const std::string& id, runtime::Foreground& foreground);
  // Until it has ended. Output goes to the given descriptors. Throws Error "interrupted" with exit code 130 when it was
  // cancelled. Several threads may do this at the same time.
  BuildStepEnd run_build_step(const BuildStep& step, const runtime::Streams& streams);

  // By id, unique id prefix or name; Error "no such container" with what was probably meant.
  Container find(const std::string& name) const;
  std::optional<Container> try_find(const std::string& name) const;
  // The id alone: works for a container whose record is damaged.
  std::string resolve(const std::string& name) const;
  bool exists(const std::string& name) const { return try_resolve(name).has_value(); }
  Observed observe(const Container& container);
  std::vector<Observed> list();  // all, newest first; damaged records are logged and left out

  // The older words: `addnetwork` and `peer`, on running or stopped containers.
  void set_endpoint(const std::string& id, const network::EndpointConfig& endpoint);
  void rename(const std::string& id, const std::string& name);

  // Called once by every command that changes something: finishes what killed commands left (temporary trees,
  // containers half made or half removed, lost rules).
  void recover();
  // As Network::verify. Containers that have ended, and that nobody has taken out of the network yet, are taken out
  // before: their interfaces went with them.
  std::vector<network::Finding> verify_network();

  image::Images& images() { return images_; }
  volume::Volumes& volumes() { return volumes_; }
  network::Network& network() { return network_; }
  runtime::Runtime& runtime() { return runtime_; }
  const store::Locations& locations() const { return locations_; }

 private:
  std::optional<std::string> try_resolve(const std::string& name) const;
  void reserve_endpoint(Container& container);
  Container network_owner(const Container& container) const;
  void share_network(const Container& container, runtime::Setup& setup, linux::Fd& network_namespace);
  // `network_namespace` keeps open what the setup sends along.
  void set_network(const Container& container, runtime::Setup& setup, linux::Fd& network_namespace);
  void follow_endpoint(const network::Endpoint& before);
  void serve_again(const std::string& id);
  void serve_ports(const network::Endpoint& endpoint);
  void make_mounts(const Container& container);
  void write_network_files(const Container& container);
  // After the end of a container: network, cgroup and run directory.
  void clean_up(const std::string& id);
  // Everything of an id whose record is gone or never was; the caller holds its lock.
  void remove_remains(const std::string& id, const std::optional<Container>& container, bool volumes);
  void remove_anonymous_volume(const std::string& name, const std::string& id);
  void recover_remains();
  void recover_names();
  void recover_ended();
  void recover_ended(const std::string& id, bool since_boot);
  bool settle_ended();
  void restart_lost(const std::string& id, const monitor::Status& status);

  store::Locations locations_;
  image::Images images_;
  volume::Volumes volumes_;
  runtime::Runtime runtime_;
  network::Network network_;
};

// --- census
// ------------------------------------------------------------------------------------------------------------- Every
// kernel and disk object of this instance: sorted lines "kind name". (docs/census.md) Images, layers and the build
// cache may be left behind by everyday work: they are listed only with `all`.
std::vector<std::string> census(const store::Locations& locations, bool all = false);

}  // namespace conductor::engine
