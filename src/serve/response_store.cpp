#include "serve/response_store.h"

#include <utility>

namespace g4 {
namespace {

// What a small response takes besides its texts.
constexpr std::size_t kOverheadBytes = 512;

}  // namespace

template <class T>
std::shared_ptr<const T> ResponseStore::counted(T value, std::size_t bytes) {
  *bytes_ += bytes;
  return {new T(std::move(value)), [total = bytes_, bytes](const T* gone) {
            delete gone;
            *total -= bytes;
          }};
}

void ResponseStore::put(api::ResponseToStore response) {
  const std::size_t turn_bytes = response.turn.input.size() + response.turn.output.size();
  const std::size_t own_bytes =
      kOverheadBytes + response.body.size() +
      response.earlier.size() * sizeof(std::shared_ptr<const api::ResponseTurn>);
  if (turn_bytes + own_bytes > limits_.bytes_max) return;
  auto turn = counted(std::move(response.turn), turn_bytes);
  Kept kept = counted(
      api::StoredResponse{std::move(response.body), std::move(response.earlier), std::move(turn)},
      own_bytes);

  const Lock lock(mutex_);
  const std::uint64_t age = next_age_++;
  by_age_.emplace(age, Entry{response.id, std::move(kept)});
  ages_[std::move(response.id)] = age;
  while (!by_age_.empty() && (by_age_.size() > limits_.count_max || *bytes_ > limits_.bytes_max)) {
    ages_.erase(by_age_.begin()->second.id);
    by_age_.erase(by_age_.begin());
  }
}

std::shared_ptr<const api::StoredResponse> ResponseStore::find(std::string_view id) const {
  const Lock lock(mutex_);
  const auto age = ages_.find(std::string(id));
  return age == ages_.end() ? nullptr : by_age_.at(age->second).response;
}

bool ResponseStore::erase(std::string_view id) {
  const Lock lock(mutex_);
  const auto age = ages_.find(std::string(id));
  if (age == ages_.end()) return false;
  by_age_.erase(age->second);
  ages_.erase(age);
  return true;
}

}  // namespace g4
