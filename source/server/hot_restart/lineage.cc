#include "source/server/hot_restart/lineage.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace baton::server::hot_restart {
namespace {

constexpr uint32_t kHighestDynamicBaseId = 10'000;

std::string pathOf(uint32_t base_id, const std::string& directory) {
  return directory + "/baton_lock_" + std::to_string(base_id);
}

bool setLock(int fd, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

// Opens and locks the file that stands at `path` afterwards too: the last process of a lineage removes its file, and a
// lock on a removed one would exclude nobody.
base::Result<network::Fd> openLocked(const std::string& path, short type) {
  for (;;) {
    network::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return base::systemError("opening " + path);
    if (!setLock(file.get(), type)) {
      return base::Error{base::ErrorCode::kUnavailable, path + " is locked by another process"};
    }
    struct stat ours {};
    struct stat there {};
    if (::fstat(file.get(), &ours) == 0 && ::stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino)
      return file;
  }
}

}  // namespace

base::Result<Lineage> Lineage::found(uint32_t base_id, const std::string& directory) {
  const std::string path = pathOf(base_id, directory);
  auto file = openLocked(path, F_WRLCK);
  if (file) return Lineage(std::move(*file), base_id, path);
  if (file.error().code != base::ErrorCode::kUnavailable) return file.error();
  return base::Error{base::ErrorCode::kUnavailable,
                     "a live process holds base id " + std::to_string(base_id) +
                         "; take over from it with --restart-epoch auto, or give another --base-id"};
}

base::Result<Lineage> Lineage::join(uint32_t base_id, const std::string& directory) {
  const std::string path = pathOf(base_id, directory);
  auto file = openLocked(path, F_RDLCK);
  if (!file) return file.error();
  return Lineage(std::move(*file), base_id, path);
}

base::Result<Lineage> Lineage::foundAnywhere(const std::string& directory) {
  for (uint32_t base_id = 1; base_id <= kHighestDynamicBaseId; ++base_id) {
    auto lineage = found(base_id, directory);
    if (lineage || lineage.error().code != base::ErrorCode::kUnavailable) return lineage;
  }
  return base::Error{base::ErrorCode::kResourceExhausted,
                     "no free base id up to " + std::to_string(kHighestDynamicBaseId)};
}

bool Lineage::alive(uint32_t base_id, const std::string& directory) {
  const network::Fd file(::open(pathOf(base_id, directory).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  return bool(file) && !setLock(file.get(), F_WRLCK);
}

base::Result<void> Lineage::share() {
  if (!setLock(file_.get(), F_RDLCK)) return base::systemError("sharing " + path_);
  return {};
}

bool Lineage::leave() {
  if (setLock(file_.get(), F_WRLCK)) return true;
  // Two that end at the same moment would each see the other and leave everything behind: let go, then look again.
  setLock(file_.get(), F_UNLCK);
  return setLock(file_.get(), F_WRLCK);
}

void Lineage::removeFile() {
  ::unlink(path_.c_str());
}

}  // namespace baton::server::hot_restart
