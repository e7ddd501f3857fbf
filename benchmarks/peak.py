"""What share of the processor's power for products of matrices the picture tower uses."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

import onnx
from onnx import TensorProto, helper

from benchmarks.contestants import BASELINE, EXACT, FORMS, LAYERS, contestants
from benchmarks.loops import TowerLoop, tower_loop
from benchmarks.measuring import interleaved, progress
from benchmarks.results import Aim, Chart, Figure, Ratio, Section
from scripts.artifact.narrowing import KEPT
from tests.architectures.towers import CLIP_DIMENSION, CLIP_IMAGE

PART = "peak"
REPEATS = 7
SIZES = (1024, 2048)
LIBRARIES = ("numpy", "torch", "onnxruntime")
BATCHES = (1, 16)
TOWER_RUNS = 8
PATCH_NUMBERS = 3 * 32 * 32


def measure() -> Section:
    """Return float32 operations a second of plain products and of the picture tower."""
    known = contestants()
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder, ExitStack() as stack:
        plain = stack.enter_context(tower_loop(known[EXACT.name]))
        eager = stack.enter_context(tower_loop(known[BASELINE]))
        towers = {form: stack.enter_context(tower_loop(known[form.name])) for form in FORMS}
        variants: dict[str, Callable[[], float]] = {}
        for size in SIZES:
            variants[f"numpy_product_{size}"] = partial(_product_speed, plain, "product", size)
            variants[f"torch_product_{size}"] = partial(_product_speed, eager, "torch_product", size)
            path = str(_write_product(Path(folder), size))
            variants[f"onnxruntime_product_{size}"] = partial(
                _product_speed, plain, "onnx_product", size, path=path
            )
        for form, tower in towers.items():
            for rows in BATCHES:
                variants[f"{form.name}_tower_{rows}"] = partial(_tower_speed, tower, rows)
        with progress(PART, steps=len(variants) * (REPEATS + 1)) as say:
            measured = interleaved(variants, repeats=REPEATS, say=say)
    figures = {name: Figure(name=name, unit="GFLOP/s", values=values) for name, values in measured.items()}
    products = [figure for name, figure in figures.items() if "_product_" in name]
    peak = max(products, key=lambda figure: figure.median)
    return Section(
        method=(
            "N_product_M: the product of two M by M matrices in float32, by three libraries; the "
            "fastest of them in the median is the machine's peak. FORM_tower_B: the picture tower alone "
            f"on batches of B, at {picture_operations() / 1e9:.2f} GFLOP a picture; int8 counts as if its "
            "operations were of float32, and may so exceed the peak."
        ),
        figures=tuple(figures.values()),
        ratios=(_fraction(figures, peak),),
        charts=(_chart(),),
        facts={"operations_of_a_picture": picture_operations(), "peak": peak.name},
    )


def picture_operations() -> int:
    """Return the multiplications and additions of ViT-B/32's products of matrices for one picture."""
    width, length = CLIP_IMAGE.width, CLIP_IMAGE.length

    def layer(tokens: int) -> int:
        """Keys and values of all tokens; of some only: the rest of attention, and the MLP."""
        linear = length * 2 * width**2 + tokens * 10 * width**2
        return linear + 2 * tokens * length * width  # scores, and the mixture of values

    patches = (length - 1) * PATCH_NUMBERS * width
    return 2 * ((LAYERS - 1) * layer(length) + layer(KEPT) + patches + width * CLIP_DIMENSION)


def _write_product(folder: Path, size: int) -> Path:
    """Write a model that multiplies two matrices."""
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, size]) for name in ("left", "right")
    ]
    output = helper.make_tensor_value_info("product", TensorProto.FLOAT, [size, size])
    node = helper.make_node("MatMul", ["left", "right"], ["product"])
    graph = helper.make_graph([node], "product", inputs, [output])
    path = folder / f"product-{size}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def _product_speed(process: TowerLoop, run: str, size: int, **more: str) -> float:
    repeats = max(2, (4096 // size) ** 2)
    return 2 * size**3 / median(process.seconds(run=run, size=size, repeats=repeats, **more)) / 1e9


def _tower_speed(tower: TowerLoop, rows: int) -> float:
    repeats = max(2, TOWER_RUNS * 4 // rows)
    return rows * picture_operations() / median(tower.seconds(run="image", rows=rows, repeats=repeats)) / 1e9


def _fraction(figures: Mapping[str, Figure], peak: Figure) -> Ratio:
    tower = figures[f"{EXACT.name}_tower_{max(BATCHES)}"]
    return Ratio(name="fp32_peak_fraction", numerator=tower, denominator=peak, aim=Aim(value=0.8))


def _chart() -> Chart:
    groups = (*(f"product {size}" for size in SIZES), *(f"tower, batch {rows}" for rows in BATCHES))
    nothing_of_products, nothing_of_towers = (None,) * len(SIZES), (None,) * len(BATCHES)
    libraries: dict[str, tuple[str | None, ...]] = {
        library: (*(f"{library}_product_{size}" for size in SIZES), *nothing_of_towers)
        for library in LIBRARIES
    }
    towers: dict[str, tuple[str | None, ...]] = {
        form.name: (*nothing_of_products, *(f"{form.name}_tower_{rows}" for rows in BATCHES))
        for form in FORMS
    }
    return Chart(
        name="speed",
        title="Products of matrices and the picture tower",
        kind="bars",
        groups=groups,
        series=libraries | towers,
    )
