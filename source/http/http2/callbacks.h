// What nghttp2 calls, as the plain functions that it wants. `user_data` is the Session, a stream's user data the
// Stream.
#pragma once

#include <nghttp2/nghttp2.h>

namespace baton::http::http2 {

class Session;
class Stream;

struct Callbacks {
  // One table for all sessions of the process.
  static const nghttp2_session_callbacks* table();

  static ssize_t readData(nghttp2_session*, int32_t, uint8_t*, size_t most, uint32_t* data_flags,
                          nghttp2_data_source* source, void*);
  static int sendData(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_header, size_t length,
                      nghttp2_data_source* source, void* user_data);
  static int onBeginFrame(nghttp2_session*, const nghttp2_frame_hd* header, void* user_data);
  static int ignoreExtension(nghttp2_session*, void**, const nghttp2_frame_hd*, void*);
  static int onBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static int onHeader(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name, nghttp2_rcbuf* value,
                      uint8_t flags, void* user_data);
  static int onDataChunk(nghttp2_session*, uint8_t flags, int32_t stream_id, const uint8_t* data, size_t length,
                         void* user_data);
  static int onFrameReceived(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static int onInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user_data);
  static int onFrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user_data);
  static int onFrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user_data);
  static int onStreamClosed(nghttp2_session*, int32_t stream_id, uint32_t error_code, void* user_data);

 private:
  static Stream* streamOf(nghttp2_session* session, int32_t id);
  static int onHeadersReceived(Session& self, const nghttp2_frame& frame);
  static int onResetReceived(Session& self, Stream& stream, uint32_t error_code);
};

}  // namespace baton::http::http2
