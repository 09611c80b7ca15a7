"""The stores that show the same images as the store of the view."""

from explorer import cache, navigate
from explorer.navigate import View
from explorer.store_files import MOST_OPENED, StoreFile
from explorer.widgets.html import note
from precompute.errors import StoreError
from precompute.store.reader import Store


def stores_of_same_images(view: View) -> dict[str, tuple[StoreFile, Store]]:
    """Return the store of the view and the other stores of its images, by name; say which stores cannot be read."""
    found = {view.selection.store: (view.source, view.store)}
    sources = navigate.files()
    if len(sources) > MOST_OPENED:
        note(f"Of {len(sources):,} stores in this folder, the newest {MOST_OPENED} were looked at.")
    for source in sources[:MOST_OPENED]:
        if source.name in found:
            continue
        try:
            store = cache.store_of(source)
            if store.images.list_hash == view.store.images.list_hash:
                found[source.name] = (source, store)
        except StoreError as error:
            note(f"{source.name} is left out: {error}")
    return found
