"""Pages that open by themselves: everything they need stands in them."""


def html_page(*, title: str, style: str, body: str, head: str = "") -> str:
    """A whole page; all of it is HTML already, and ``head`` stands before the title."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{head}<title>{title}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )
