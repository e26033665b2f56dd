.PHONY: run serve test check slow bench
run: ; @scripts/run
serve: ; @scripts/setup run && .venv/bin/interview-grader serve
test: ; @scripts/test
slow: ; @scripts/test-slow
check: ; @scripts/check
bench: ; @scripts/setup dev && .venv/bin/python -m benchmarks.overhead && .venv/bin/python -m benchmarks.eval_overhead && .venv/bin/python -m benchmarks.embedded_speed
