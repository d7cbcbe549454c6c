#!/bin/sh
# docs/FROM_ONNXRUNTIME.md as its readers follow it; PyTorch makes its network.
. "${0%/*}/lib.sh"
follow "$SOURCE/docs/FROM_ONNXRUNTIME.md"
[ "$(echo "$blocks" | grep -c '\.sh$')" -eq 8 ] || fail "not eight shell blocks: $blocks"
finish
