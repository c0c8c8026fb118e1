// Where in a configuration we are, and what is wrong there. Main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "source/config/node.h"

namespace baton::config {

// "static_resources.listeners[0].address": grows and shrinks as one walks. Names and keys must outlive their step.
class Path {
 public:
  // One step down for as long as the guard lives.
  class In {
   public:
    In(Path& path, std::string_view field) : path_(path) { path.steps_.push_back({field, kNoIndex, false}); }
    In(Path& path, std::string_view field, size_t index) : path_(path) { path.steps_.push_back({field, index, false}); }
    // An entry of a map.
    struct Key {
      std::string_view text;
    };
    In(Path& path, Key key) : path_(path) { path.steps_.push_back({key.text, kNoIndex, true}); }
    ~In() { path_.steps_.pop_back(); }
    In(const In&) = delete;
    In& operator=(const In&) = delete;

   private:
    Path& path_;
  };

  // An element of the list that the last step leads to, for as long as the guard lives.
  class At {
   public:
    At(Path& path, size_t index) : path_(path) { path.steps_.back().index = index; }
    ~At() { path_.steps_.back().index = kNoIndex; }
    At(const At&) = delete;
    At& operator=(const At&) = delete;

   private:
    Path& path_;
  };

  std::string text() const;
  // The node of this path below `root`, or of its longest beginning that is there.
  const Node& locate(const Node& root) const;

 private:
  static constexpr size_t kNoIndex = static_cast<size_t>(-1);
  struct Step {
    std::string_view name;
    size_t index;
    bool is_key;
  };

  std::vector<Step> steps_;
};

// Everything that is wrong with a configuration, and everything that is odd.
class Problems {
 public:
  explicit Problems(const NodeStore& store) : store_(store) {}

  void error(const Node& at, const Path& path, std::string_view message);
  void warning(const Node& at, const Path& path, std::string_view message);

  // A hostile text can be wrong in every byte; after so many errors it is not worth looking on.
  bool full() const { return errors_.size() >= kMaxErrors; }
  size_t errorCount() const { return errors_.size(); }
  // Whether something at this path, or below it, is wrong already.
  bool hasErrorAt(const Path& path) const;
  bool hasErrorBelow(const Path& path) const;

  // Complete lines, in the order of the text.
  std::vector<std::string> errors() const;
  std::vector<std::string> warnings() const;

 private:
  static constexpr size_t kMaxErrors = 1000;
  struct Problem {
    uint8_t file;
    uint32_t line;
    uint32_t column;
    std::string path;
    std::string message;
  };

  static Problem problem(const Node& at, const Path& path, std::string_view message);
  std::vector<std::string> lines(std::vector<Problem> problems) const;

  const NodeStore& store_;
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

}  // namespace baton::config
