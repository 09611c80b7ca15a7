"""The sites of a network as lines of text, followed by the outputs that are not sites and why."""

from collections.abc import Iterator

from precompute.models.sites import RefusedCall, Site, SiteSurvey


def lines(found: SiteSurvey) -> Iterator[str]:
    """Yield a table of the sites, then how many other calls of modules there are and why they are not sites."""
    rows = [("layer", "kind", "units", "on", "positions")]
    rows += [
        (site.name, site.kind, str(site.n_units), "1" if site.unit_dimension == 1 else "last", positions_of(site))
        for site in found.sites
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, kind, units, dimension, positions in rows:
        yield f"{name:{widths[0]}}  {kind:{widths[1]}}  {units:>{widths[2]}}  {dimension:{widths[3]}}  {positions}"
    if found.refused:
        yield ""
        yield f"{len(found.refused)} more outputs of modules cannot be looked at, because"
        yield from _reasons(found.refused)


def positions_of(site: Site) -> str:
    """Say how a unit's positions are arranged: ``7 x 7``, ``14 x 14 tokens and 1 more``, or ``-``."""
    shape = " x ".join(map(str, site.spatial_shape)) or "-"
    if site.other_tokens is None:
        return shape
    return f"{shape} tokens" + (f" and {len(site.other_tokens)} more" if site.other_tokens else "")


def _reasons(refused: tuple[RefusedCall, ...]) -> Iterator[str]:
    """Yield each reason once, with how many outputs it applies to and the first of them; the most frequent first."""
    by_reason: dict[str, list[str]] = {}
    for each in refused:
        by_reason.setdefault(each.reason, []).append(each.name)
    for reason, names in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        yield f"  {len(names)} (such as {names[0]}): {reason}"
