"""A matplotlib figure as SVG that lives inside a page: themed by its style sheet, the same bytes every time.

What matplotlib writes is made for a file of its own. Inside a page its `<style>` would reach everything, its ids would
meet those of the next plot, its colours would stay light in a dark page, and its style attributes would be refused by
a content security policy. matplotlib is imported when something is drawn: it takes half a second.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

from service.evaluation.report.highlight import clean_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that stand for variables of the style sheet; nobody would choose them
INK, FAINT, RULE, GROUND = "#010101", "#010102", "#010103", "#010104"
FIRST, FIRST_SOFT, BAD = "#010105", "#010106", "#010107"
_VARIABLES = {
    INK: "--ink",
    FAINT: "--faint",
    RULE: "--rule",
    GROUND: "--panel",
    FIRST: "--first",
    FIRST_SOFT: "--first-soft",
    BAD: "--bad",
}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same measures everywhere
    "font.size": 10.0,
    "axes.labelsize": 10.5,
    "axes.unicode_minus": True,
    "axes.edgecolor": RULE,
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "butt",
}
POINTS_PER_INCH = 72
_LOCK = Lock()  # matplotlib's settings belong to the process, and the API renders in threads
_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_KEPT = {"width", "height", "x", "y", "d", "transform", "viewBox"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What names a plot. `name` begins every id in it and is unique in the page; `size` is (width, height) in px at

    scale 1; `title` and `description` are the text alternative. `labels` are texts of other people's making: a plot
    writes `mark_label(place)` where the one at that place of the tuple shall stand.
    """

    name: str
    title: str
    description: str
    size: tuple[float, float]
    labels: tuple[str, ...] = ()


def mark_label(place: int) -> str:
    """Stands for a label while matplotlib draws: it warns of every letter that its font lacks, and reads $ as TeX."""
    return f"§{place}"


def draw_svg(frame: Frame, draw: Callable[[Axes], None]) -> Markup:
    """An `<svg>` with what `draw` draws."""
    from matplotlib.figure import Figure

    with _LOCK, _own_settings(frame.name):
        width, height = frame.size
        figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH))
        draw(figure.add_axes((0.0, 0.0, 1.0, 1.0)))
        root = _write(figure)
    return Markup(ET.tostring(_adapt(root, frame), encoding="unicode"))  # noqa: S704 -- ET escapes


@contextmanager
def _own_settings(name: str) -> Iterator[None]:
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()  # whatever somebody's matplotlibrc says
        mpl.rcParams.update({**_SETTINGS, "svg.hashsalt": name})
        yield


def _write(figure: Figure) -> ET.Element:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return ET.fromstring(file.getvalue())  # noqa: S314 -- matplotlib wrote it a line above


def _adapt(root: ET.Element, frame: Frame) -> ET.Element:
    adapted = ET.Element(
        "svg",
        {
            "class": "plot",
            "viewBox": root.attrib["viewBox"],
            "role": "img",
            "aria-labelledby": f"{frame.name}-title {frame.name}-description",
        },
    )
    ET.SubElement(adapted, "title", {"id": f"{frame.name}-title"}).text = clean_text(frame.title)
    ET.SubElement(adapted, "desc", {"id": f"{frame.name}-description"}).text = clean_text(frame.description)
    kept = [child for child in root if child.tag not in (f"{_SVG}metadata", f"{_SVG}defs") or _has_shapes(child)]
    needed = _find_references(root)
    adapted.extend(_copy(child, frame.name, needed) for child in kept)
    labels = {mark_label(place): clean_text(label) for place, label in enumerate(frame.labels)}
    for element in adapted.iter("text"):
        element.text = labels.get(element.text or "", element.text)
    return adapted


def _has_shapes(element: ET.Element) -> bool:
    return any(child.tag != f"{_SVG}style" for child in element) and element.tag != f"{_SVG}metadata"


def _find_references(root: ET.Element) -> set[str]:
    used = {element.attrib[f"{_XLINK}href"][1:] for element in root.iter() if f"{_XLINK}href" in element.attrib}
    clips = {element.attrib["clip-path"][5:-1] for element in root.iter() if "clip-path" in element.attrib}
    return used | clips


def _copy(element: ET.Element, name: str, needed: set[str]) -> ET.Element:
    copied = ET.Element(element.tag.removeprefix(_SVG), dict(_convert_attributes(element, name, needed)))
    copied.text = element.text if copied.tag == "text" else None
    copied.extend(_copy(child, name, needed) for child in element if child.tag != f"{_SVG}style")
    return copied


def _convert_attributes(element: ET.Element, name: str, needed: set[str]) -> Iterator[tuple[str, str]]:
    for key, value in element.attrib.items():
        if key == "id":
            if value in needed:
                yield "id", f"{name}-{value}"
        elif key == f"{_XLINK}href":
            yield "href", f"#{name}-{value[1:]}"
        elif key == "clip-path":
            yield key, f"url(#{name}-{value[5:-1]})"
        elif key == "style":
            yield from _convert_style(value)
        elif key in _KEPT:
            yield key, " ".join(value.split())


def _convert_style(style: str) -> Iterator[tuple[str, str]]:
    """CSS declarations as attributes; a policy that pins the style sheet by its hash refuses `style=`."""
    for declaration in style.split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key and key not in ("font-family", "font"):
            variable = _VARIABLES.get(value)
            yield key, f"var({variable})" if variable else value
