#!/bin/sh
# Boxes and masks beside ONNX Runtime's, where there is a Python that has it: bench's, after `make bench`, or $PYTHON.
. "${0%/*}/lib.sh"
for python in "$BUILD/bench/venv/bin/python3" "$PYTHON"; do
  "$python" -c 'import numpy, onnx, onnxruntime' 2>err || continue
  expect 0 "$python" "$SOURCE/tests/peers/check_detection.py" --nncc "$NNCC" --seeds 3
  cat out
  finish
done
echo "no Python here has onnx and onnxruntime"
exit 77
