// What parent and child say to each other: a type and fields, as bytes. A message is one packet of the channel:
//
//   u32 magic 'BTN1' | u16 type | u16 descriptors | u32 length of the fields | fields: (u16 tag, u32 length, bytes)*
//
// A message that is longer than kPartBytes goes as several, of type PART, whose values are the pieces of its bytes.
// All in host byte order (both ends are one machine). Fields with an unknown tag are skipped, so that a newer process
// can say more to an older one; an unknown type is an error only where an answer is due. Pure values, no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/result.h"
#include "source/network/fd.h"

namespace baton::server::hot_restart {

// A change that an older process can't understand raises the protocol version; fields that can be skipped don't.
inline constexpr uint32_t kProtocolVersion = 1;
inline constexpr size_t kMaxPacketBytes = 1024 * 1024;
// Fits into the buffer of a socket without privileges.
inline constexpr size_t kPartBytes = 64 * 1024;
inline constexpr size_t kMaxMessageBytes = 256 * 1024 * 1024;
inline constexpr size_t kMaxDescriptors = 64;

enum class MessageType : uint16_t {
  kHello = 1,      // C->P: version, epoch, base id
  kWelcome,        // P->C: epoch, region descriptor; the restart lock is taken
  kRefuse,         // P->C: reason; the channel closes
  kParity,         // C->P: what the child will have
  kParityReport,   // P->C: what would be lost
  kListeners,      // C->P: asks for all listening sockets
  kListenerBatch,  // P->C: up to 64 sockets with their addresses
  kBatchReceived,  // C->P: how many arrived
  kListenersDone,  // P->C: how many were sent in all
  kState,          // C->P: asks for keys, health, stats
  kStatePart,      // P->C: one named piece of state
  kStateDone,      // P->C
  kReady,          // C->P: the child accepts
  kCommit,         // P->C: the parent does not accept any more
  kHeartbeat,      // both ways, during probation
  kProbationOver,  // C->P: the take-over is final; the parent drains
  kAbort,          // C->P: the child gives up; the parent goes on
  kDrainStatus,    // P->C: what the draining parent still has
  kEndNow,         // C->P: the parent is to end whatever is left, or to pass it on to its own parent if it has one
  kStats,          // P->C: cumulative values, where the regions' layouts differ
  kStatsReceived,  // C->P: acknowledges a kStats by its sequence number
  kPart,           // both ways: a piece of a message that is too long for one packet
};
std::string_view toString(MessageType type);

enum class Tag : uint16_t {
  kProtocol = 1,
  kVersion,  // product version, for logs
  kEpoch,
  kPid,
  kReason,
  kLayout,   // of the stats region
  kAddress,  // of a listening socket, as text
  kWorker,   // index of the worker it belongs to
  kCount,
  kName,
  kValue,
  kEntry,  // a nested list of fields
  kOpenFileLimit,
  kKind,
  kSequence,
  kMilliseconds,
  kGenerations,
  kWarning,
  kNanoseconds,
  kObserves,  // in HELLO: a region of other sizes is of use to the child
};

struct Field {
  Tag tag;
  std::string value;
};

class Fields {
 public:
  Fields& add(Tag tag, std::string_view value);
  Fields& add(Tag tag, uint64_t number);
  Fields& add(Tag tag, const Fields& nested);

  // The first field of that tag; nothing when absent, or for number() when it isn't 8 bytes.
  std::optional<std::string_view> text(Tag tag) const;
  std::optional<uint64_t> number(Tag tag) const;
  // All fields of that tag.
  std::vector<std::string_view> all(Tag tag) const;

  std::string encode() const;
  static base::Result<Fields> decode(std::string_view bytes);

 private:
  std::vector<Field> fields_;
};

struct Message {
  MessageType type{};
  Fields fields;
  std::vector<network::Fd> descriptors;
};

// Precondition: at most kMaxDescriptors.
std::string encode(const Message& message);
// How long a message is of which this is the start. Nothing: too short to tell.
std::optional<size_t> encodedLength(std::string_view start);
// `received`: the descriptors that came with the packet; they are closed when the packet is refused.
base::Result<Message> decode(std::string_view packet, std::vector<network::Fd> received);

}  // namespace baton::server::hot_restart
