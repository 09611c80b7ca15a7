"""The pages, one thin file each: ask for data, call charts, lay out."""
