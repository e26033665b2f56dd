"""A decoder that makes no headway: it must end by itself."""

from service.speech.decoding_child import expect_headway, limit_process

limit_process()
expect_headway(0.1)
while True:
    pass
