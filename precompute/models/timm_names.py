"""Networks by their timm name, where timm is installed."""

from typing import Any

from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoints import parameters_for
from precompute.models.model import Model
from precompute.models.random_weights import RANDOM_NOTE, seeded
from precompute.models.state_dict import load_into
from precompute.models.torchvision_names import checkpoint_called, output_count
from precompute.models.transforms import describe
from precompute.words import close_matches, first_few

_USUAL_OUTPUTS = 1000


def from_timm(name: str, weights: str) -> Model:
    """Make the classifier that timm calls `name`.

    Parameters
    ----------
    name
        Without the ``timm:``; the weights' tag may be part of it, as in ``resnet18.a1_in1k``.
    weights
        ``DEFAULT``, ``none`` or a checkpoint file.

    Raises
    ------
    ModelError
        Where timm is not installed, there is no such network, or its weights cannot be fetched or do not fit.
    """
    timm = _timm()
    if not timm.is_model(name):
        raise ModelError(f"There is no timm network called {name!r}.{close_matches(name, timm.list_models())}")
    _refuse_unknown_tag(timm, name)
    if weights == "DEFAULT":
        network = _downloaded(timm, name)
        _refuse_without_classes(network, name)
        source = network.pretrained_cfg
        return _model(timm, name, network, f"timm {source['architecture']}.{source['tag']}".rstrip("."))
    if weights == "none":
        network = _random(timm, name, **_some_outputs(timm, name))
        return _model(timm, name, network, "none", RANDOM_NOTE)
    checkpoint = checkpoint_called(
        weights, f"timm:{name} has DEFAULT, others by a tag in its name (timm:NAME.TAG), and none (random ones)"
    )
    network = _random(timm, name, **_some_outputs(timm, name))
    found = parameters_for(network, checkpoint)
    n_outputs = output_count(found.state, _last_parameter(network), found.source)
    if n_outputs != network.num_classes:
        network = _random(timm, name, num_classes=n_outputs)
    load_into(network, found.state, found.source)
    return _model(timm, name, network, found.source, *found.notes)


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ModelError("timm is not installed. Install it with: pip install timm") from error
    return timm


def _downloaded(timm: Any, name: str) -> Any:
    try:
        return timm.create_model(name, pretrained=True)
    except Exception as error:  # the network, the hub's client and the file can fail in any way
        raise ModelError(
            f"The weights of timm:{name} could not be fetched ({error}). Give --weights FILE for a checkpoint that you "
            "have, or --weights none for random ones."
        ) from error


def _random(timm: Any, name: str, **options: int) -> Any:
    with seeded():
        return timm.create_model(name, pretrained=False, **options)


def _refuse_unknown_tag(timm: Any, name: str) -> None:
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        architecture = name.partition(".")[0]
        known = timm.list_pretrained(f"{architecture}.*")
        raise ModelError(
            f"There are no weights timm:{name}. Weights for {architecture}: {first_few(known) or 'none'}."
        ) from error


def _refuse_without_classes(network: Any, name: str) -> None:
    if not getattr(network, "num_classes", 0):
        raise ModelError(
            f"The weights of timm:{name} are not a classifier's: the network returns features, not scores of classes. "
            "Give --weights FILE with a checkpoint of it that was trained to classify, or another tag (timm:NAME.TAG)."
        )


def _some_outputs(timm: Any, name: str) -> dict[str, int]:
    """Return the option that gives a network a last layer where its published weights come without one."""
    published = timm.get_pretrained_cfg(name)
    if published is None or not published.classifier:
        raise ModelError(f"timm:{name} is not a classifier: it has no last layer that gives scores of classes.")
    return {} if published.num_classes else {"num_classes": _USUAL_OUTPUTS}


def _last_parameter(network: Any) -> str:
    """Name a parameter with one row for each output; of the two heads of distilled networks, take the first."""
    classifier = network.pretrained_cfg["classifier"]
    return f"{classifier if isinstance(classifier, str) else classifier[0]}.weight"


def _model(timm: Any, name: str, network: nn.Module, weights: str, *notes: str) -> Model:
    settings = timm.data.resolve_model_data_config(network)
    transform = timm.data.create_transform(**settings, is_training=False)
    return Model(f"timm:{name}", network, transform, describe(transform), weights, notes)
