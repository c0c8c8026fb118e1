#include "source/proxy/http/local_reply.h"

#include "source/config/data_source.h"

namespace baton::proxy {

base::Result<LocalReplyRules> LocalReplyRules::build(const std::optional<api::LocalReplyConfig>& config) {
  LocalReplyRules rules;
  if (!config) return rules;
  for (const api::ResponseMapper& mapper_config : config->mappers) {
    Mapper mapper;
    if (mapper_config.filter) {
      auto filter = access_log::LogFilter::build(*mapper_config.filter);
      if (!filter) return filter.error();
      mapper.filter = std::move(*filter);
    }
    if (mapper_config.status_code) mapper.status = static_cast<int>(*mapper_config.status_code);
    if (mapper_config.body) {
      auto body = config::readDataSource(*mapper_config.body);
      if (!body) return body.error();
      mapper.body = std::move(*body);
    }
    if (mapper_config.body_format_override) {
      auto format = access_log::Formatter::build(*mapper_config.body_format_override);
      if (!format) return format.error();
      mapper.format = std::move(*format);
    }
    auto headers = HeaderMutator::build(mapper_config.headers_to_add, {});
    if (!headers) return headers.error();
    mapper.headers = std::move(*headers);
    rules.mappers_.push_back(std::move(mapper));
  }
  if (config->body_format) {
    auto format = access_log::Formatter::build(*config->body_format);
    if (!format) return format.error();
    rules.format_ = std::move(*format);
  }
  return rules;
}

void LocalReplyRules::apply(LocalReplyDraft& draft, http::HeaderMap& headers, http::StreamInfo& info,
                            const http::HeaderMap& request_headers, const base::Runtime& runtime) const {
  info.response_code = draft.status;
  access_log::FormatContext context{.info = info, .request_headers = &request_headers, .response_headers = &headers};
  context.local_reply_body = draft.body;
  const access_log::Formatter* format = format_ ? &*format_ : nullptr;
  for (const Mapper& mapper : mappers_) {
    if (mapper.filter && !mapper.filter->passes(context, runtime)) continue;
    if (mapper.body) draft.body = *mapper.body;
    mapper.headers.apply(headers, context);
    if (mapper.status && *mapper.status != draft.status) {
      draft.status = *mapper.status;
      headers.setStatus(draft.status);
      info.response_code = draft.status;
    }
    if (mapper.format) format = &*mapper.format;
    break;
  }
  if (format == nullptr) return;
  std::string body;
  context.local_reply_body = draft.body;
  format->format(context, body);
  draft.body = std::move(body);
  draft.content_type = format->contentType();
}

}  // namespace baton::proxy
