#include "source/tls/socket_bio.h"

#include <cerrno>
#include <cstdint>
#include <sys/socket.h>

namespace baton::tls {
namespace {

// The descriptor, and whether the peer has ended its side, fit in the BIO's data pointer.
constexpr uintptr_t kEnded = 1;

int fdOf(BIO* bio) {
  return static_cast<int>(reinterpret_cast<uintptr_t>(BIO_get_data(bio)) >> 1);
}

bool retryable(int error) {
  return error == EAGAIN || error == EINTR;
}

int readSocket(BIO* bio, char* into, size_t size, size_t* moved) {
  BIO_clear_retry_flags(bio);
  ssize_t got;
  do {
    got = ::recv(fdOf(bio), into, size, 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    *moved = static_cast<size_t>(got);
    return 1;
  }
  *moved = 0;
  if (got == 0) {
    BIO_set_data(bio, reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(BIO_get_data(bio)) | kEnded));
    return 0;
  }
  if (retryable(errno)) BIO_set_retry_read(bio);
  return -1;
}

int writeSocket(BIO* bio, const char* from, size_t size, size_t* moved) {
  BIO_clear_retry_flags(bio);
  ssize_t sent;
  do {
    sent = ::send(fdOf(bio), from, size, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  *moved = sent > 0 ? static_cast<size_t>(sent) : 0;
  if (sent > 0) return 1;
  if (sent < 0 && retryable(errno)) BIO_set_retry_write(bio);
  return -1;
}

long control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return (reinterpret_cast<uintptr_t>(BIO_get_data(bio)) & kEnded) != 0;
    default:
      return 0;
  }
}

BIO_METHOD* makeMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "baton socket");
  BIO_meth_set_read_ex(method, readSocket);
  BIO_meth_set_write_ex(method, writeSocket);
  BIO_meth_set_ctrl(method, control);
  return method;
}

}  // namespace

BIO* makeSocketBio(int fd) {
  static BIO_METHOD* const method = makeMethod();  // lives as long as the process
  BIO* bio = BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<uintptr_t>(fd) << 1));
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace baton::tls
