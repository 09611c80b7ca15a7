"""The provenance of a store in words for people; facts without words here are shown as they are stored."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from explorer.format import count, moment, percent, significant
from precompute.ablation_kinds import kind_of
from precompute.store.reader import Store
from precompute.words import printable

_SHORT_HASH = 12


def short(store: Store) -> list[tuple[str, str]]:
    """Return the main facts about the origin of the store, each as a name and a sentence."""
    known = store.provenance
    size = " × ".join(map(str, store.model.input_size))
    facts = (
        ("Network", f"{store.model.spec}, on pictures of {size}"),
        ("Weights", _weights(store.model.weights, known.get("weights"))),
        ("Images", f"{_images(store)}, in {store.images.root}"),
        ("Method", _method(store, known.get("ablation_engine"))),
        ("Exactness", _exactness(known)),
        ("Written", moment(store.created)),
        ("To repeat it", str(known.get("command", ""))),
    )
    return [(name, said) for name, said in facts if said]


def further(store: Store) -> list[tuple[str, str]]:
    """Return the further facts that are known, each as a name and a sentence."""
    return [(name, said) for name, said in _facts(store) if said]


def _facts(store: Store) -> Iterator[tuple[str, str]]:
    known = store.provenance
    yield "Pictures become", str(known.get("transform") or "")
    yield "Outputs given by", store.classes.told_mapping()
    yield "Pictures show", str(known.get("thumbnails", ""))
    yield "Ablation", _sweeps(known.get("ablation_engine"))
    yield "Self-check", _no_op(known)
    yield "Attribution maps", _attribution(known.get("attribution"))
    training = known.get("training")
    if isinstance(training, Mapping):
        yield "Ablation, training images", _sweeps(training.get("ablation_engine"))
        yield "Self-check, training images", _no_op(training)
    yield "Computed on", ", ".join(filter(None, (str(known.get("device") or ""), _batch(known.get("batch_size")))))
    versions = known.get("versions")
    yield "With", value(versions) if isinstance(versions, Mapping) else ""


def _images(store: Store) -> str:
    return f"{count(len(store.images), 'image')} of {count(len(store.classes), 'class', 'classes')}"


def _method(store: Store, sweeps: object) -> str:
    """Say how the units were changed and by which method."""
    swept = [layer for layer in store.layers if layer.ablations]
    if not swept:
        return "no unit was silenced"
    kinds = dict.fromkeys(kind for layer in swept for kind in layer.ablations)
    words = " and ".join(kind_of(kind).words for kind in kinds)
    by = list(dict.fromkeys(str(facts["method"]) for facts in _each(sweeps) if "method" in facts))
    units = count(sum(layer.n_units for layer in swept), "unit")
    said = f"{units} of {count(len(swept), 'layer')} silenced in turn ({words})"
    return f"{said}, by the {' and the '.join(by)}" if by else said


def _exactness(known: Mapping[str, Any]) -> str:
    """Say how many predictions were compared with the plain method over all layers, and what the self-check found."""
    totals = {
        name: sum(facts[name] for facts in _each(known.get("ablation_engine")) if _whole(facts.get(name)))
        for name in ("rows", "audited", "differing")
    }
    parts = []
    if totals["audited"]:
        checking = known.get("no_op_rows")
        n_without = totals["rows"] - (checking if _whole(checking) else 0)
        of = f" of {count(n_without, 'prediction')} without a unit" if n_without > 0 else ""
        differing = f"{totals['differing']:,}" if totals["differing"] else "none"
        parts.append(f"{totals['audited']:,}{of} compared with the plain method, {differing} differing")
    return "; ".join(filter(None, (*parts, _no_op(known))))


def _each(sweeps: object) -> list[Mapping[str, Any]]:
    return [facts for facts in sweeps.values() if isinstance(facts, Mapping)] if isinstance(sweeps, Mapping) else []


def _weights(name: str, known: object) -> str:
    """Return the name of the weights with the first digits of their checksum, which identifies them."""
    digest = known.get("sha256") if isinstance(known, Mapping) else None
    return f"{name}, SHA-256 {str(digest)[:_SHORT_HASH]}…" if digest else name


def _batch(size: object) -> str:
    return f"batches of {size}" if size else ""


def _sweeps(known: object) -> str:
    if not isinstance(known, Mapping):
        return ""
    return " ".join(f"{layer}: {_sweep(facts)}." for layer, facts in known.items() if isinstance(facts, Mapping))


def _sweep(facts: Mapping[str, Any]) -> str:
    said = [str(facts.get("method", "method not known"))]
    if "precision" in facts:
        said.append(f"{facts['precision']}")
    if _whole(facts.get("rows")):
        said.append(f"{facts['rows']:,} predictions, those of the self-check among them")
    if _whole(facts.get("audited")):
        differing = facts.get("differing", 0)
        said.append(f"{count(facts['audited'], 'row')} compared with the plain method, {differing or 'none'} differing")
    return ", ".join(said)


def _no_op(known: Mapping[str, Any]) -> str:
    rate, rows = known.get("no_op_flip_rate"), known.get("no_op_rows")
    if not isinstance(rate, float | int) or isinstance(rate, bool) or math.isnan(rate):
        return ""
    of = f" of {count(rows, 'prediction')}" if isinstance(rows, int) else " of the predictions"
    share = "none" if rate == 0 else percent(float(rate), 10_000)
    said = f"a few units of each layer set to their own maps, which must change nothing: {share}{of} changed"
    before = known.get("no_op_flip_rate_before_recheck")
    if isinstance(before, float) and before > rate:
        said += f" ({percent(before, 10_000)} before close calls were left to the plain method)"
    return said


def _attribution(known: object) -> str:
    if not isinstance(known, Mapping):
        return ""
    later = known.get("postponed")
    said = f"for the first {known.get('exemplars', '')} exemplars of a unit".replace("first  ", "")
    return f"{said}; {percent(float(later), 100)} left for later" if isinstance(later, float) and later > 0 else said


def _whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def stored(store: Store) -> str:
    """Return every fact as it is stored, as JSON."""
    facts = {"file": printable(str(store.path)), **store.provenance}
    # JSON has no NaN.
    return json.dumps(json.loads(json.dumps(facts), parse_constant=str))


def value(fact: object) -> str:
    """Write a stored fact in one line."""
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, float):
        return significant(fact)
    if isinstance(fact, Mapping):
        parts = (
            (str(name).replace("_", " "), value(part)) for name, part in fact.items() if part not in (None, "", {})
        )
        return ", ".join(f"{name} {part}" for name, part in parts)
    return json.dumps(fact) if isinstance(fact, list) else str(fact)
