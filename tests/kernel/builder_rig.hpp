// A context, a store of its own and a builder on it; what a build said; and the files of an image to look at.
#pragma once

#include "builder/builder.hpp"
#include "builder/layer_tree.hpp"
#include "linux/root_fd.hpp"
#include "support/temp.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

// A file system of a few bytes where a path is, as long as it lives; nothing for an empty size.
class SmallDisk {
 public:
  SmallDisk(std::string path, const std::string& size);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  std::string path_;
};

class BuilderRig {
 public:
  // Everything that attaches to a network does so in a network namespace of this process. `disk` is the size of the
  // store's file system ("8m"); empty: that of /tmp.
  explicit BuilderRig(const std::string& disk = {});

  conductor::linux::RootFd& context() { return context_; }
  std::string context_path() const { return home_ / "context"; }
  const conductor::store::Locations& locations() const { return locations_; }
  conductor::engine::Engine& engine() { return engine_; }
  conductor::builder::BuildOptions options;  // of every build; the context is filled in

  // Writes the text as the context's Conductorfile and builds it.
  conductor::image::Image build(const std::string& text);
  // The message of a build that must fail.
  std::string failure(const std::string& text);
  conductor::linux::RootFd files(const conductor::image::Image& image);
  // As `files`, of the image without the given number of upper layers.
  conductor::linux::RootFd files_below(conductor::image::Image image, std::size_t layers);

  // busybox with the usual names in bin/ of the context. False when this machine has none.
  bool add_programs();

  std::string output;                                       // of the last build's steps
  std::function<void(const std::string& bytes)> on_output;  // called for each piece of it
  std::vector<std::string> steps;                           // of the last build, as they began
  int cached = 0, made = 0;                                 // steps of the last build, without FROM
  std::vector<std::string> notes;

 private:
  test::TemporaryDirectory home_;
  SmallDisk disk_;
  conductor::linux::RootFd context_;
  conductor::store::Locations locations_;
  conductor::engine::Engine engine_;
};

// Begins an image that can run programs.
inline const std::string with_programs = "FROM scratch\nCOPY bin /bin\n";

std::string text_of(const conductor::linux::RootFd& root, const std::string& path);   // "(absent)" when it is
std::string facts_of(const conductor::linux::RootFd& root, const std::string& path);  // "0644 0:0 file", "(absent)"
