"""The error of a file that cannot be read as a picture."""


class UnreadablePicture(OSError):
    """A file cannot be read as a picture.

    Its text is a short reason without the name of the file, and what a person at the command line can do.

    Parameters
    ----------
    found : str
        The reason.
    way_on : str, optional
        What to do at the command line. Who uploads a picture cannot do it, and is told the reason alone.
    """

    def __init__(self, found: str, way_on: str = "") -> None:
        super().__init__(f"{found}; {way_on}" if way_on else found)
        self.found = found
