// A doubly linked list whose links live in the elements: no allocation, O(1) removal, and an element that is destroyed
// takes itself out. An element derives from ListLink<Element>, or from ListLink<Tag> for each list it can be in at once.
#pragma once

#include <cassert>
#include <cstddef>

namespace baton::base {

template <typename Tag>
class ListLink {
 public:
  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (!linked()) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <typename, typename>
  friend class IntrusiveList;

  ListLink* previous_ = nullptr;
  ListLink* next_ = nullptr;
};

// The list owns nothing; elements may outlive it.
template <typename T, typename Tag = T>
class IntrusiveList {
  using Link = ListLink<Tag>;

 public:
  IntrusiveList() { head_.next_ = head_.previous_ = &head_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    clear();
    head_.next_ = head_.previous_ = nullptr;
  }

  bool empty() const { return head_.next_ == &head_; }
  T& front() { return element(*head_.next_); }
  T& back() { return element(*head_.previous_); }

  void pushBack(T& item) { insertBefore(head_, item); }
  void pushFront(T& item) { insertBefore(*head_.next_, item); }
  T* popFront() {
    if (empty()) return nullptr;
    T& item = front();
    static_cast<Link&>(item).unlink();
    return &item;
  }
  void clear() {
    while (popFront() != nullptr) {
    }
  }
  // All elements of `other` go to the end of this list, in order.
  void splice(IntrusiveList& other) {
    while (T* item = other.popFront()) pushBack(*item);
  }
  // O(n).
  size_t size() const {
    size_t count = 0;
    for (const Link* link = head_.next_; link != &head_; link = link->next_) ++count;
    return count;
  }

  // `visit` may unlink the element that it is given, but no other.
  template <typename Visit>
  void forEach(Visit&& visit) {
    for (Link* link = head_.next_; link != &head_;) {
      Link* const next = link->next_;
      visit(element(*link));
      link = next;
    }
  }

 private:
  static T& element(Link& link) { return static_cast<T&>(link); }
  static void insertBefore(Link& at, T& item) {
    Link& link = item;
    assert(!link.linked());
    link.previous_ = at.previous_;
    link.next_ = &at;
    at.previous_->next_ = &link;
    at.previous_ = &link;
  }

  Link head_;
};

}  // namespace baton::base
