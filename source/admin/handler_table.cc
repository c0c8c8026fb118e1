#include "source/admin/handler_table.h"

#include "source/base/strings.h"

namespace baton::admin {
namespace {

std::string decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      if (const auto byte = base::parseNumber<uint8_t>(text.substr(i + 1, 2), 16)) {
        decoded += static_cast<char>(*byte);
        i += 2;
        continue;
      }
    }
    decoded += text[i];
  }
  return decoded;
}

std::string escapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '&':
        escaped += "&amp;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

constexpr std::string_view kPageHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Baton admin</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; }
  h1 { font-size: 1.4rem; }
  table { border-collapse: collapse; width: 100%; }
  td { border-top: 1px solid #ddd; padding: .4rem .8rem .4rem 0; vertical-align: top; }
  td:first-child { font-family: ui-monospace, monospace; white-space: nowrap; }
  small { color: #666; }
  button { font: inherit; font-family: ui-monospace, monospace; cursor: pointer; }
</style>
</head>
<body>
<h1>Baton admin</h1>
<table>
)";

}  // namespace

Request Request::parse(Method method, std::string_view target) {
  Request request;
  request.method = method;
  const size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question == std::string_view::npos) return request;
  for (const std::string_view part : base::split(target.substr(question + 1), '&')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    request.query.emplace_back(decode(part.substr(0, equals)),
                               equals == std::string_view::npos ? "" : decode(part.substr(equals + 1)));
  }
  return request;
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

HandlerTable::HandlerTable() {
  add("/", Effect::kReads, "this page",
      [this](const Request&) { return Response{.body = page(), .content_type = "text/html; charset=UTF-8"}; });
  add("/help", Effect::kReads, "print this list of commands",
      [this](const Request&) { return Response::text(help()); });
}

void HandlerTable::add(std::string path, Effect effect, std::string help, Handler handler,
                       std::vector<std::string> parameters) {
  entries_.insert_or_assign(std::move(path), Entry{std::move(help), effect, std::move(handler), std::move(parameters)});
}

Response HandlerTable::dispatch(const Request& request) const {
  const auto found = entries_.find(request.path);
  if (found == entries_.end()) return Response::text("invalid path. " + help(), 404);
  const Entry& entry = found->second;
  const bool changes = entry.effect == Effect::kChanges;
  const bool allowed = request.method == Method::kPost ||
                       (!changes && (request.method == Method::kGet || request.method == Method::kHead));
  if (!allowed) {
    Response refused =
        Response::text(changes ? request.path + " changes something and needs POST\n" : "Method not allowed\n", 405);
    refused.headers.emplace_back("Allow", changes ? "POST" : "GET, HEAD, POST");
    return refused;
  }
  return entry.handler(request);
}

std::string HandlerTable::help() const {
  std::string text = "admin commands are:\n";
  for (const auto& [path, entry] : entries_) {
    text += "  " + path + (entry.effect == Effect::kChanges ? " (POST): " : ": ") + entry.help + "\n";
    if (entry.parameters.empty()) continue;
    text += "      parameters: " + base::join(entry.parameters, " ") + "\n";
  }
  return text;
}

std::string HandlerTable::page() const {
  std::string html(kPageHead);
  for (const auto& [path, entry] : entries_) {
    const std::string safe = escapeHtml(path);
    // Relative, so that the page also works behind a prefix.
    const std::string link = safe.size() > 1 ? safe.substr(1) : ".";
    html += "<tr><td>";
    if (entry.effect == Effect::kChanges) {
      html += "<form method=\"post\" action=\"" + link + "\"><button>" + safe + "</button></form>";
    } else {
      html += "<a href=\"" + link + "\">" + safe + "</a>";
    }
    html += "</td><td>" + escapeHtml(entry.help);
    if (!entry.parameters.empty()) {
      html += " <small>" + escapeHtml(base::join(entry.parameters, " ")) + "</small>";
    }
    html += "</td></tr>\n";
  }
  html += "</table>\n</body>\n</html>\n";
  return html;
}

}  // namespace baton::admin
