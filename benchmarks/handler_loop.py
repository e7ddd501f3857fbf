"""Ask a SageMaker handler in a process of its own: `handler_loop.py CODE MODEL`, one JSON order a line.

Needs the standard library only: it runs in the environments of the handlers, ours and the baseline's.
"""

import json
import sys
import time
from inspect import signature
from pathlib import Path
from typing import Any


class Context:
    """What a handler uses of the model server's request context."""

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Refuse: nothing that fails is measured."""
        raise RuntimeError(f"the handler answered {code} {phrase} ({idx})")


class TowerClock:
    """How many `seconds` towers of ours have run; other handlers have none that it could see."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self) -> None:
        """Time every run from now on."""
        try:
            from clip_inference.encoder import Tower
        except ImportError:
            return
        run = Tower.run

        def timed(tower: Tower, feeds: Any) -> Any:
            began = time.perf_counter()
            try:
                return run(tower, feeds)
            finally:
                self.seconds += time.perf_counter() - began

        Tower.run = timed  # type: ignore[method-assign, assignment]


class Handler:
    """A loaded handler, called as the toolkit calls it."""

    def __init__(self, handler: Any, model_dir: str) -> None:
        self._handler = handler
        self._model = handler.model_fn(model_dir)
        takes_context = len(signature(handler.output_fn).parameters) == 3
        self._context = (Context(),) if takes_context else ()

    def ask(self, body: bytes, content_type: str, accept: str) -> str | bytes:
        """Return the answer's body. JSON is given as text and all else as bytes, as the toolkit does."""
        given = body.decode() if content_type == "application/json" else bytearray(body)
        request = self._handler.input_fn(given, content_type)
        prediction = self._handler.predict_fn(request, self._model)
        answer: str | bytes = self._handler.output_fn(prediction, accept, *self._context)
        return answer


def main() -> None:
    """Carry out orders until there are no more.

    Each answer is a line: for each request its seconds and those outside the towers, and the last answer.
    """
    code, model_dir = sys.argv[1:]
    sys.path.insert(0, code)
    import inference

    towers = TowerClock()
    towers.watch()
    handler = Handler(inference, model_dir)
    bodies: dict[str, bytes] = {}
    for line in sys.stdin:
        order = json.loads(line)
        for path in order["paths"]:
            bodies[path] = bodies.get(path) or Path(path).read_bytes()
        seconds, outside = [], []
        for path in order["paths"]:
            began, towers.seconds = time.perf_counter(), 0.0
            answer = handler.ask(bodies[path], order["content_type"], order["accept"])
            seconds.append(time.perf_counter() - began)
            outside.append(seconds[-1] - towers.seconds)
        text = answer if isinstance(answer, str) else answer.decode()
        sys.stdout.write(json.dumps({"seconds": seconds, "outside": outside, "answer": text}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
