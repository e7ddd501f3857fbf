"""Files of metadata: what each row says, and what is wrong with a file, all at once."""

import json
from pathlib import Path

import pytest

from imagesearch.metadata import Attributes
from scripts.errors import CommandError
from scripts.metadata.entries import checked, entries
from scripts.rows import Faults

ATTRIBUTES: Attributes = {"category": "keyword", "price": "number", "taken": "date", "favourite": "boolean"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "metadata.jsonl"


def write(file: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file.write_text("\n".join(texts) + "\n")
    return file


def sidecars(file: Path, *, prefix: str = "") -> dict[str, bytes | None]:
    faults = Faults(path=file, code="c")
    found = {
        entry.key: entry.content
        for entry in entries(file, attributes=ATTRIBUTES, faults=faults, prefix=prefix)
    }
    assert faults.count == 0
    return found


def refusal(file: Path) -> list[str]:
    with pytest.raises(CommandError) as raised:
        checked(file, attributes=ATTRIBUTES)
    assert raised.value.code == "metadata_invalid"
    return raised.value.message.splitlines()


def test_a_row_is_its_pictures_sidecar_in_one_form(file: Path) -> None:
    said = {"title": "Oak table", "caption": "a table", "tags": ["oak", "oak"], "attributes": {"price": 1299}}
    write(file, {"key": "table.jpg", **said})

    assert sidecars(file, prefix="shop/") == {
        "shop/table.jpg": b'{"attributes":{"price":1299.0},"caption":"a table",'
        b'"tags":["oak"],"title":"Oak table"}'
    }


def test_csv_says_what_json_lines_do(tmp_path: Path) -> None:
    json_lines = write(
        tmp_path / "m.jsonl",
        {
            "key": "a.jpg",
            "title": "Größe, M",
            "tags": ["x", "y z"],
            "attributes": {"price": 5, "favourite": True},
        },
        {"key": "b.jpg", "caption": "two\nlines", "attributes": {"taken": "2026-03-01"}},
    )
    csv = tmp_path / "m.csv"
    csv.write_text(
        "\ufeffkey,title,caption,tags,price,favourite,taken\r\n"
        'a.jpg,"Größe, M",,x | y z|,5,TRUE,\r\n'
        ",,,,,,\r\n"
        'b.jpg,,"two\nlines",,,,2026-03-01\r\n',
        encoding="utf-8",
        newline="",
    )

    assert sidecars(csv) == sidecars(json_lines)


def test_a_row_with_nothing_but_a_key_says_that_there_is_no_sidecar(file: Path) -> None:
    assert sidecars(write(file, {"key": "a.jpg"}, {"key": "b.jpg", "tags": []})) == {
        "a.jpg": None,
        "b.jpg": None,
    }


def test_every_fault_is_listed_with_its_line(file: Path) -> None:
    write(
        file,
        {"key": "a.jpg", "titel": "x"},
        "",
        "{no json}",
        {"title": "x"},
        {"key": "a.jpg.json", "title": "x"},
        {"key": "b.jpg", "attributes": {"colour": "red"}},
        {"key": "c.jpg", "attributes": {"price": "cheap"}},
        {"key": "d.jpg", "title": "x"},
        {"key": "d.jpg", "title": "y"},
        {"key": "é" * 520, "title": "x"},
    )

    heading, *faults = refusal(file)

    assert heading == f"{file} has 8 faults; nothing was written."
    assert [fault.split(":")[0] for fault in faults] == [
        f"  line {number}" for number in (1, 3, 4, 5, 6, 7, 9, 10)
    ]
    for fault, named in zip(
        faults,
        ("'titel'", "no JSON", "no key", "sidecar", "'colour'", "price", "line 8", "1024"),
        strict=True,
    ):
        assert named in fault


def test_of_many_faults_the_first_twenty_are_shown_and_the_rest_counted(file: Path) -> None:
    heading, *faults = refusal(write(file, *[{"title": "x"}] * 23))

    assert "23 faults" in heading
    assert (len(faults), faults[-1]) == (21, "  and 3 more")


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("title,price", "no column 'key'"),
        ("key,colour", "'colour' is unknown"),
        ("key,price,price", "'price' twice"),
        ("key,,price", "without a name"),
    ],
)
def test_the_columns_of_csv_are_checked_before_its_rows(tmp_path: Path, header: str, named: str) -> None:
    file = write(tmp_path / "m.csv", header, "a.jpg,b,c")

    _, fault = refusal(file)

    assert fault.startswith("  line 1: ")
    assert named in fault


def test_a_row_of_csv_is_named_by_the_line_on_which_it_begins(tmp_path: Path) -> None:
    file = write(tmp_path / "m.csv", "key,caption", 'a.jpg,"two', 'lines"', "b.jpg", 'c.jpg,"x"y')

    _, *faults = refusal(file)

    assert "line 4: It has 1 cells, the header 2" in faults[0]
    assert "line 5: From here on it is no CSV" in faults[1]


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_bytes_that_are_no_utf_8_are_a_fault_of_their_line(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    rows = {"m.csv": b"key,title\na.jpg,caf\xe9\n", "m.jsonl": b'\n{"key": "a.jpg", "title": "caf\xe9"}\n'}
    file.write_bytes(rows[name])

    _, fault = refusal(file)

    assert fault.startswith("  line 2: ")
    assert "UTF-8" in fault


def test_a_sidecar_that_would_be_too_large_is_refused(file: Path) -> None:
    _, fault = refusal(write(file, {"key": "a.jpg", "tags": [f"{n:03}" + "x" * 900 for n in range(90)]}))

    assert "65536 bytes" in fault


@pytest.mark.parametrize(
    ("name", "code"), [("metadata.txt", "file_unsupported"), ("nowhere.csv", "file_unreadable")]
)
def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "metadata.txt").write_text("a.jpg\n")

    with pytest.raises(CommandError) as raised:
        checked(tmp_path / name, attributes=ATTRIBUTES)

    assert raised.value.code == code
