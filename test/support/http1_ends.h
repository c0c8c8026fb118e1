// Both ends of an HTTP/1.1 codec for tests without sockets: what a connection does with its bytes, and users that write
// down what they are told.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/http1/client_codec.h"
#include "source/http/http1/server_codec.h"

namespace baton::test {

// Collects what a codec writes.
class StringSink final : public http::ByteSink {
 public:
  void write(std::string_view bytes) override { text.append(bytes); }
  size_t unsentBytes() const override { return 0; }
  std::string take() { return std::exchange(text, {}); }

  std::string text;
};

// "name: value|name: value|"
std::string toText(const http::HeaderMap& headers);
// From "name: value" pairs.
http::HeaderMap makeHeaders(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

// Writes down one stream.
struct Recorder final : public http::StreamReceiver {
  void onInformational(http::HeaderMap&& headers) override;
  void onHeaders(http::HeaderMap&& headers, bool end_of_stream) override;
  void onData(std::string_view bytes, bool end_of_stream) override;
  void onTrailers(http::HeaderMap&& trailers) override;
  void onReset(http::StreamReset reason, std::string_view details) override;
  void onAboveHighWatermark() override { ++above; }
  void onBelowLowWatermark() override { ++below; }

  // What happened, the same however the bytes were split: "H{...} D{...} T{...} E" or "... R{reason: details}".
  std::string transcript() const;

  http::HeaderMap headers;
  std::string interim;
  std::string head;
  std::string data;
  std::string trailers;
  std::string reset;
  bool got_headers = false;
  bool ended = false;
  int above = 0;
  int below = 0;
  std::function<void()> on_headers;
  std::function<void()> on_data;
  std::function<void()> on_end;
};

// The owner's side of a codec's input: keeps what was not consumed and offers it again when told to.
class Feeder {
 public:
  void feed(http::Codec& codec, std::string_view bytes);
  void pump(http::Codec& codec);
  void end(http::Codec& codec);

  std::string pending;
  bool resumed = false;
  bool paused = false;
  bool protocol_error = false;
  size_t most_pending = 0;
};

// A server codec whose user answers every complete request at once, unless told otherwise.
class Http1Server : public http::ServerCodecHandler {
 public:
  struct Exchange {
    Recorder request;
    http::StreamSender* sender = nullptr;
    int error_status = 0;
    std::string error_details;
    bool answered = false;
  };

  virtual ~Http1Server() = default;
  explicit Http1Server(http::Http1Settings settings = {})
      : settings(std::move(settings)), codec(sink, *this, this->settings, stats) {}

  void feed(std::string_view bytes) { feeder.feed(codec, bytes); }
  void end() { feeder.end(codec); }
  // Dispatches again if the codec asked for it.
  void pump() { feeder.pump(codec); }
  void answer(Exchange& exchange, int status, std::string_view body = {});
  Exchange& last() { return *exchanges.back(); }
  // All requests, and whether the connection closes.
  std::string transcript() const;

  http::StreamReceiver& onNewStream(http::StreamSender& sender) override;
  void onRequestError(http::StreamSender& sender, const http::RequestError& error) override;
  void onConnectionMustClose() override { ++closes; }
  void onTunnelSendingEnded() override { ++tunnel_ends; }
  void onDispatchResumed() override { feeder.resumed = true; }

  http::Http1Settings settings;
  http::Http1Stats stats;
  StringSink sink;
  bool auto_answer = true;
  int closes = 0;
  int tunnel_ends = 0;
  Feeder feeder;
  std::vector<std::unique_ptr<Exchange>> exchanges;
  http::Http1ServerCodec codec;
};

class Http1Client : public http::CodecHandler {
 public:
  explicit Http1Client(http::Http1Settings settings = {})
      : settings(std::move(settings)), codec(sink, *this, this->settings, stats) {}

  // Opens a stream and sends a request without body; `response` writes down what comes.
  http::StreamSender& request(std::string_view method, std::string_view path = "/");
  http::StreamSender& open();
  void feed(std::string_view bytes) { feeder.feed(codec, bytes); }
  void pump() { feeder.pump(codec); }
  void end() { feeder.end(codec); }
  std::string transcript() const;

  void onConnectionMustClose() override { ++closes; }
  void onTunnelSendingEnded() override { ++tunnel_ends; }
  void onDispatchResumed() override { feeder.resumed = true; }

  http::Http1Settings settings;
  http::Http1Stats stats;
  StringSink sink;
  int closes = 0;
  int tunnel_ends = 0;
  Feeder feeder;
  std::unique_ptr<Recorder> response = std::make_unique<Recorder>();
  std::vector<std::unique_ptr<Recorder>> earlier;
  http::Http1ClientCodec codec;
};

}  // namespace baton::test
