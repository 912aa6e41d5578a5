"""ONNX's reference evaluator as a runtime of AutoEdge; `onnx-reference.yaml` says what can be varied."""
