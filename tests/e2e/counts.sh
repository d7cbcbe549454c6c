#!/bin/sh
# Outputs whose length a run finds, as C, C++, Python, dlopen and `nncc run` users meet them: room for the most that
# there can be, and how many there are.
. "${0%/*}/lib.sh"
cat >det.nn <<'M'
nn 1
model det(boxes: f32[N, B<=100, 4], scores: f32[N, 2, B]) -> picked, corners, first, places, kinds {
  picked = nms(boxes, scores, 3, iou_threshold=0.25, score_threshold=0.1)
  number = picked[:, 2]
  corners = boxes |> reshape([-1, 4]) |> index_select(number, dim=0)
  first = corners[:2]
  places = nonzero(scores > 0.5) |> permute([1, 0])
  kinds, at, inverse, times = unique(cast(scores * 10, i32))
}
M
expect 0 "$NNCC" det.nn --emit=o,h,py,so,selftest -o det.o
says det.h '/* corners: output, f32[picked_count, 4], row-major; picked_count is found by a run, sizes are the most that it can be */'
says det.h '#define DET_PICKED_DIM0(N, B) '
says det.h '#define DET_CORNERS_DIM1 4'
says det.h 'int64_t *picked_count, int64_t *first_count, int64_t *places_count, int64_t *kinds_count);'

# Boxes 0 and 1 are nearly one, 2 lies apart.
cat >main.c <<'C'
#include "det.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  static const float boxes[] = {0, 0, 2, 2, 0, 0, 2, 1.5f, 5, 5, 6, 6}, scores[] = {0.75f, 0.875f, 0.25f, 0, 0.05f, 0.5625f};
  int64_t picked[DET_PICKED_ELEMENTS(1, 3)], places[DET_PLACES_ELEMENTS(1, 3)], n[4] = {-1, -1, -1, -1};
  float corners[DET_CORNERS_ELEMENTS(1, 3)], first[DET_FIRST_ELEMENTS];
  int32_t kinds[DET_KINDS_ELEMENTS(1, 3)];
  for (int threads = 1; threads < 4; threads++) {
    nncc_options o = NNCC_OPTIONS_INIT;
    o.threads = threads;
    o.streams = threads == 3;
    det *m;
    if (det_open(&m, &o)) return 1;
    size_t bytes = det_arena_bytes(m, 1, 3);
    void *arena = aligned_alloc(64, (bytes + 63) / 64 * 64);
    int status;
    if (threads == 3) {
      status = det_submit(m, arena, bytes, 1, 3, boxes, scores, picked, corners, first, places, kinds, n, n + 1, n + 2, n + 3);
      if (!status) status = det_wait(m, arena, bytes);
    } else
      status = det_run(m, arena, bytes, 1, 3, boxes, scores, picked, corners, first, places, kinds, n, n + 1, n + 2, n + 3);
    printf("%s: %d %d %d %d:", det_strerror(status), (int)n[0], (int)n[1], (int)n[2], (int)n[3]);
    for (int i = 0; i < 3 * n[0]; i++) printf(" %d", (int)picked[i]);
    printf(";");
    for (int i = 0; i < 4 * n[0]; i++) printf(" %g", corners[i]);
    printf(";");
    for (int i = 0; i < 3 * n[2]; i++) printf(" %d", (int)places[i]);
    printf(";");
    for (int i = 0; i < n[3]; i++) printf(" %d", (int)kinds[i]);
    printf("\n");
    void *out[] = {picked, corners, first, places, kinds, n, n + 1, n + 2, NULL};
    const void *in[] = {boxes, scores};
    int64_t dims[] = {1, 3}, extents[2];
    if (det_info.run(m, arena, bytes, dims, in, out) != NNCC_E_NULL) return 2;
    if (det_info.n_counts != 4 || strcmp(det_info.counts[1], "first_count")) return 3;
    det_info.outputs[0].extents(dims, extents);
    if (extents[0] != 6 || extents[1] != 3 || det_info.outputs[0].dims[0] != -1 - det_info.n_dims) return 4;
    free(arena);
    det_close(m);
  }
  printf("%s\n", det_strerror(det_selftest()));
  return 0;
}
C
expect 0 cc -Wall -Wextra -pedantic -Werror main.c det.o -lpthread -lm -o main
expect 0 ./main
line='success: 3 2 3 6: 0 0 1 0 0 2 0 1 2; 0 0 2 1.5 5 5 6 6 5 5 6 6; 0 0 0 0 0 1 0 1 2; 0 2 5 7 8'
line=$(echo "$line" | sed 's/: 3 2 3 6:/: 3 2 3 5:/')
[ "$(grep -cxF "$line" out)" = 3 ] || { fail "not three times $line"; cat out; }
says out success
cp main.c main.cc
expect 0 c++ -std=c++17 -Wall -Wextra -Werror -c main.cc -o main.cc.o

cat >test.py <<'P'
import numpy as np
import det
model = det.Model()
boxes = np.array([[[0, 0, 2, 2], [0, 0, 2, 1.5], [5, 5, 6, 6]]], np.float32)
scores = np.array([[[0.75, 0.875, 0.25], [0, 0.05, 0.5625]]], np.float32)
r = model(boxes, scores)
assert r.picked.tolist() == [[0, 0, 1], [0, 0, 2], [0, 1, 2]], r.picked
assert r.corners.tolist() == [boxes[0, i].tolist() for i in (1, 2, 2)], r.corners
assert np.array_equal(r.first, r.corners[:2])
assert r.places.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 2]], r.places
assert r.kinds.tolist() == sorted(set((scores * 10).astype(int).flatten().tolist()))
r = model(boxes, scores * 0)
assert r.picked.shape == (0, 3) and r.first.shape == (0, 4) and r.places.shape == (3, 0) and r.kinds.tolist() == [0]
assert det.COUNTS == ("picked_count", "first_count", "places_count", "kinds_count")
np.savez("in.npz", boxes=boxes, scores=scores)
P
expect 0 "$NNCC" det.nn -o det.py
expect 0 "$PYTHON" test.py

for model in det.nn libdet.so; do
  expect 0 "$NNCC" run $model --input in.npz --output out.npz --json
  says out '"type": "i64[3, 3]"'
  says out '"type": "f32[2, 4]"'
  cat >shapes.py <<'P'
import numpy as np
out = np.load("out.npz")
print({k: v.shape for k, v in out.items()} == {"picked": (3, 3), "corners": (3, 4), "first": (2, 4), "places": (3, 3), "kinds": (5,)})
P
  expect 0 "$PYTHON" shapes.py
  says out True
done
expect 0 "$NNCC" verify det.nn --input in.npz
expect 0 "$NNCC" verify det.nn --seed 3
says out 'bitwise equal'
expect 0 "$NNCC" inspect det.nn
says out "total"
expect 0 "$NNCC" bench det.nn --seconds 0.01
expect 0 "$NNCC" det.nn -o det.nnir
says det.nnir 'count nms_count <= 2*N*min(B, 3)'
expect 0 "$NNCC" opt det.nnir --passes=dce
expect 0 "$NNCC" verify det.nnir --input in.npz
expect 0 "$NNCC" det.nn --shape boxes=1,3,4 --shape boxes=2,3,4 -o sizes.so
expect 0 "$NNCC" run sizes.so --input in.npz --output out.npz
expect 0 "$PYTHON" shapes.py
says out True

# What must hold of what is found ends a run where it does not.
cat >third.nn <<'M'
nn 1
model third(x: f32[7]) -> y {
  y = compress(x, x > 0)[2]
}
M
expect 0 "$NNCC" third.nn -o third.so
"$PYTHON" -c 'import numpy as np
np.save("x.npy", np.array([1, -1, 2, -2, 3, 0, 4], np.float32)); np.save("few.npy", np.array([1, -1, 2, -2, -3, 0, -4], np.float32))'
expect 0 "$NNCC" run third.so --input x=x.npy
says out 'mean 3'
expect 1 "$NNCC" run third.so --input x=few.npy
says err 'the run failed: an assertion of the model does not hold'
finish
