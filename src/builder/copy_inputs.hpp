// One COPY or ADD with all that its sources give: first their names and hashes, for the key; then the files themselves.
#pragma once

#include "builder/add.hpp"
#include "builder/content_hashes.hpp"
#include "builder/copy.hpp"
#include "builder/sources.hpp"
#include "builder/steps.hpp"
#include "image/image.hpp"

#include <memory>
#include <string>
#include <vector>

namespace conductor::builder {

class CopyInputs {
 public:
  // Selects and hashes what comes from `tree`, and asks for the identity of what comes from elsewhere. All references
  // must outlive this object. Throws Error for a source that is not there.
  CopyInputs(const CopyStep& step, const InputTree& tree, const Outside& outside);

  bool nothing() const;                        // patterns that match no file are all there is
  std::vector<std::string> unmatched() const;  // those patterns
  bool makes_entries() const;                  // the layer will have something in it
  std::string key(const std::string& chain) const;
  const std::vector<RemoteSource>& remote() const { return remote_; }
  // Fetches what the identities did not need. True when a key made before is still right.
  bool fetch();

  // Copies all of it. `lower`: directories of the layers below; none: the step stands on nothing.
  void perform(const std::vector<std::string>& lower, const image::LayerDraft& draft) const;

 private:
  struct Targets;
  void copy_remote(const Targets& targets, const RemoteSource& remote) const;
  bool move_all(const Targets& targets, const linux::RootFd& unpacked) const;
  bool copy_archive(const Targets& targets, const linux::RootFd& from, const InputFile& file) const;
  void check_names(const linux::RootFd& tree) const;
  CopiedBytes progress() const;

  const CopyStep& step_;
  const InputTree& tree_;
  const Outside& outside_;
  parser::IgnoreRules exclude_;
  std::unique_ptr<Spool> spool_;
  // Of each source, in order: an index into `selected_`, or into `remote_`.
  struct Source {
    bool remote = false;
    std::size_t index = 0;
  };
  std::vector<Source> order_;
  std::vector<std::vector<Selected>> selected_;
  std::vector<RemoteSource> remote_;
};

}  // namespace conductor::builder
