// Which endpoints have to do with a word – a name, a group, a network –: an empty file WORD/ID each in one directory.
// One lookup reads one directory, so that a fresh process finds the few endpoints around one without reading a record.
//
// It may name endpoints that no longer exist or no longer have to do with the word: the records decide. It never lacks
// one, because an entry is made before the record that it speaks of, and removed after it.
#pragma once

#include <string>
#include <vector>

namespace conductor::network {

class WordIndex {
 public:
  explicit WordIndex(std::string directory) : directory_(std::move(directory)) {}

  // Set once every record that exists has its entries.
  bool complete() const;
  void mark_complete() const;

  void add(const std::string& word, const std::string& id) const;     // present is fine
  void remove(const std::string& word, const std::string& id) const;  // absent is fine
  std::vector<std::string> ids(const std::string& word) const;

 private:
  std::string path(const std::string& word) const;
  std::string directory_;
};

}  // namespace conductor::network
