"""The gallery that `make demo` shows on a machine without pictures."""

from pathlib import Path

from clip_inference.decode import decode
from scripts.gallery import DEMO_PICTURE, LICENCES, gallery


def test_gallery_pictures_are_decodable_and_licensed(tmp_path: Path) -> None:
    pictures = gallery(tmp_path / "gallery")
    licences = (tmp_path / "gallery" / LICENCES).read_text("utf-8")
    assert len(pictures) > 40
    for picture in pictures:
        assert decode(picture.read_bytes()).image.mode == "RGB"
        assert f"{picture.name}: " in licences
    assert DEMO_PICTURE in {picture.name for picture in pictures}


def test_writing_the_gallery_again_gives_the_same_files(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in gallery(tmp_path)}
    assert {path: path.read_bytes() for path in gallery(tmp_path)} == first
