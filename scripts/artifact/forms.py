"""The forms in which one model can be packaged: what runs its towers, and their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from clip_inference.config import Precision, Runtime
from scripts.errors import CommandError

PRECISIONS: Mapping[Runtime, tuple[Precision, ...]] = {
    "onnxruntime": ("fp32", "fp16", "int8"),
    "openvino": ("fp32", "fp16", "bf16"),
}
"""What each runtime computes no slower than fp32."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A runtime and a precision; CommandError `form_unfit` where the one does not offer the other."""

    runtime: Runtime = "onnxruntime"
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        offered = PRECISIONS[self.runtime]
        if self.precision not in offered:
            fitting = [runtime for runtime, offers in PRECISIONS.items() if self.precision in offers]
            raise CommandError(
                "form_unfit",
                f"{self.runtime} offers {', '.join(offered)} and not {self.precision}: choose one of them, "
                f"or --runtime {fitting[0]}.",
            )

    def __str__(self) -> str:
        return f"{self.precision} on {self.runtime}"


EXACT = Form()
"""The form that all others are compared with."""
