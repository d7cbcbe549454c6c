// main.cc: the same in C++. Each model closes itself, owns its arena, and runs in a thread of its own.
// README.md says how to build it.
#include "cnn.h"
#include "digits.h"
#include "vit.h"

#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

namespace {

// Any model, through the description that it exports as <model>_info.
class Model {
public:
  explicit Model(const nncc_model_info &info) : info(info), model(open(info), info.close) {}

  // One input, one output, one symbolic dimension: the number of pictures. One run at a time, since the arena is one.
  std::vector<float> run(const std::vector<float> &images, std::int64_t n, std::size_t classes) {
    std::size_t bytes = info.arena_bytes(model.get(), &n);
    std::size_t whole = (bytes + NNCC_ARENA_ALIGN - 1) / NNCC_ARENA_ALIGN * NNCC_ARENA_ALIGN;
    std::unique_ptr<void, decltype(&std::free)> arena(std::aligned_alloc(NNCC_ARENA_ALIGN, whole), std::free);
    if (!arena) throw std::bad_alloc();
    std::vector<float> logits(static_cast<std::size_t>(n) * classes);
    const void *in = images.data();
    void *out = logits.data();
    check(info, info.run(model.get(), arena.get(), bytes, &n, &in, &out));
    return logits;
  }

private:
  static void check(const nncc_model_info &info, int status) {
    if (status) throw std::runtime_error(info.status_text(status));
  }
  static nncc_model *open(const nncc_model_info &info) {
    nncc_model *model;
    check(info, info.open(&model, nullptr));
    return model;
  }

  const nncc_model_info &info;
  std::unique_ptr<nncc_model, decltype(nncc_model_info::close)> model;
};

void print(const nncc_model_info &info, const std::vector<float> &logits) {
  std::cout << info.name << ':';
  for (int i = 0; i < PICTURES; i++) std::cout << ' ' << info.labels[digits_best(&logits[i * CLASSES])];
  std::cout << '\n';
}

} // namespace

int main() try {
  std::vector<float> images(PICTURES * PIXELS);
  digits_draw(images.data());
  Model first(cnn_info), second(vit_info);
  auto later = std::async(std::launch::async, [&] { return second.run(images, PICTURES, CLASSES); });
  print(cnn_info, first.run(images, PICTURES, CLASSES));
  print(vit_info, later.get());
} catch (const std::exception &e) {
  std::cerr << e.what() << '\n';
  return 1;
}
