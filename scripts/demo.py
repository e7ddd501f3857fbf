"""The main job from nothing: deploy to this machine, ingest a gallery, search it by text and by picture."""

from pathlib import Path

from scripts.gallery import DEMO_PICTURE, DEMO_TEXTS, gallery
from scripts.library import find_pictures, ingest
from scripts.local.environment import up
from scripts.render import console, ingest_progress, show_report
from scripts.search.render import show_result
from scripts.target import client_of, find_target, local_directory

GALLERY = Path("build/gallery")
TEXTS_FOR_ANY_ALBUM = ("people together", "an animal", "food on a table")
HITS = 3


def run_demo(*, pictures: Path | None, model: str | None) -> None:
    """Deploy the ``local`` environment, ingest ``pictures`` (else a gallery) and search it.

    Without ``model`` an environment that runs keeps its models.
    """
    environment = up([model] if model else [])
    folder = pictures or GALLERY
    if pictures is None:
        gallery(GALLERY)
    # The environment just brought up, whatever deployment the terminal's variables name.
    target = find_target(variables={"IMAGESEARCH_LOCAL_DIR": str(local_directory())})
    with client_of(target) as client:
        with ingest_progress() as on_progress:
            report = ingest(
                folder, client=client, s3=target.s3(), bucket=target.image_bucket(), on_progress=on_progress
            )
        show_report(report)
        for text in TEXTS_FOR_ANY_ALBUM if pictures else DEMO_TEXTS:
            show_result(client.search(text, k=HITS), title=f'"{text}"')
        picture = _query_picture(folder) if pictures else folder / DEMO_PICTURE
        show_result(client.search(picture=picture, k=HITS), title=f"like {picture.name}")
    console.print(_how_to_go_on(folder, environment.page_address), soft_wrap=True, highlight=False)


def _query_picture(folder: Path) -> Path:
    return find_pictures(folder)[0][0]


def _how_to_go_on(folder: Path, page: str | None) -> str:
    return f"""
The environment keeps running. Go on with

  {page or "(no page: the API asks for signatures)"}
  imagesearch search "a red car"           any words (the command is in .venv/bin)
  imagesearch search --image {folder}/…    or any picture
  imagesearch ingest FOLDER                your own pictures
  make demo PICTURES=FOLDER                the same tour over your own pictures
  make down                                stop it all and forget the pictures"""
