"""Networks that no example holds, as ONNX with weights under the names of bench/unseen/*.nn."""
NETWORKS = {}
IMAGES = {}
