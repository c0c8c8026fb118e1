// What the admin interface answers: a table of paths. Filled by the server at start, used on the main thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baton::admin {

enum class Method { kGet, kHead, kPost, kOther };

struct Request {
  Method method = Method::kGet;
  std::string path;                                        // without the query
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::string body;

  // `target` as it stands in the request line.
  static Request parse(Method method, std::string_view target);
  // The first value of that name; nothing when it is not there. "?usedonly" has an empty value.
  std::optional<std::string_view> parameter(std::string_view name) const;
  bool has(std::string_view name) const { return parameter(name).has_value(); }
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=UTF-8";
  std::vector<std::pair<std::string, std::string>> headers;
  // Runs when the response is on its way: for commands that end this process or its admin interface.
  std::function<void()> afterwards;

  static Response text(std::string body, int status = 200) { return {.status = status, .body = std::move(body)}; }
  static Response json(std::string body) { return {.body = std::move(body), .content_type = "application/json"}; }
  static Response ok() { return text("OK\n"); }
};

class HandlerTable {
 public:
  using Handler = std::function<Response(const Request& request)>;

  enum class Effect {
    kReads,    // GET, HEAD or POST
    kChanges,  // POST only
  };
  struct Entry {
    std::string help;
    Effect effect;
    Handler handler;
    std::vector<std::string> parameters;  // for the page: "usedonly", "filter="
  };

  HandlerTable();

  // A path that is there already is replaced.
  void add(std::string path, Effect effect, std::string help, Handler handler,
           std::vector<std::string> parameters = {});
  // Applies the rules for methods: 404 for an unknown path, 405 with Allow for a wrong method.
  Response dispatch(const Request& request) const;

 private:
  std::string help() const;
  std::string page() const;

  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace baton::admin
