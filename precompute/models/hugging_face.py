"""Image classifiers in the layout of Hugging Face, where transformers is installed."""

import logging as py_logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn

from precompute.errors import ModelError
from precompute.models.checkpoint_files import refuse_inflated
from precompute.models.checkpoints import parameters_for
from precompute.models.model import Model
from precompute.models.random_weights import RANDOM_NOTE, seeded
from precompute.models.state_dict import load_into
from precompute.models.torchvision_names import checkpoint_called
from precompute.models.transforms import describe
from precompute.words import first_few

_SETTINGS = ("size", "crop_size", "crop_pct", "resample", "image_mean", "image_std", "rescale_factor")
_WAY_ON = "Give a folder that save_pretrained wrote of an image classifier and of its image processor."


class ProcessorTransform:
    """An image processor as a transform: from a PIL image to (channel, height, width)."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def __call__(self, picture: Image.Image) -> torch.Tensor:
        """Turn one picture into the network's input."""
        return self.processor(images=picture, return_tensors="pt")["pixel_values"][0]

    def __repr__(self) -> str:
        settings = self.processor.to_dict()
        told = [f"{name} {_words(settings[name])}" for name in _SETTINGS if settings.get(name) is not None]
        left_out = [f"no {name[3:]}" for name, value in sorted(settings.items()) if name[:3] == "do_" and not value]
        return f"{type(self.processor).__name__}: {', '.join(told + left_out)}"


def from_hugging_face(name: str, weights: str) -> Model:
    """Load an image classifier with the image processor beside it.

    Parameters
    ----------
    name
        A folder with ``config.json``, the weights and ``preprocessor_config.json``. Only where there is no such folder,
        the name of a repository of the Hugging Face Hub, from where it is fetched.
    weights
        ``DEFAULT`` for those in the folder, ``none`` or a checkpoint file.

    Raises
    ------
    ModelError
        Where transformers is not installed, the folder lacks something, holds no image classifier or cannot be read.
    """
    transformers = _transformers()
    source, local = _source(name)
    options = {"local_files_only": local, "trust_remote_code": False}
    with _errors_told(source, local), _quiet(transformers):
        config = transformers.AutoConfig.from_pretrained(source, **options)
        kind = _classifier(transformers, config, source)
        processor = transformers.AutoImageProcessor.from_pretrained(source, **options)
        notes: tuple[str, ...] = ()
        if weights == "DEFAULT":
            network, used = _published(kind, config, source, local), _version(config, source)
        else:
            network, used, notes = _replaced(kind, config, source, weights)
    # A hook on the root, not a wrapper: callers get class scores alone, and the paths of layers do not change.
    network.register_forward_hook(_scores)
    transform = ProcessorTransform(processor)
    return Model(
        f"hf:{source}", network, transform, describe(transform), used, notes, output_names=_output_names(config)
    )


def _transformers() -> Any:
    # Before transformers, which imports torchvision.
    import precompute.models.torchvision_ops  # noqa: F401

    try:
        import transformers
    except ImportError as error:
        raise ModelError(
            "hf:FOLDER needs transformers, which is not installed. Install it with: pip install transformers"
        ) from error
    return transformers


def _source(name: str) -> tuple[str, bool]:
    """Return the absolute path of a folder and True, or the name of a repository and False."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        if (folder / "adapter_config.json").exists():
            raise ModelError(
                f"{folder.absolute()} holds an adapter (adapter_config.json, as of PEFT), which changes the weights of "
                "a network. Merge it into them, by merge_and_unload(), and save the network: give that folder."
            )
        if not (folder / "config.json").is_file():
            inside = sorted(file.parent.name for file in folder.glob("*/config.json"))
            among = f" Some of its folders have one: {first_few(inside, 4)}." if inside else ""
            raise ModelError(f"{folder.absolute()} has no config.json.{among} {_WAY_ON}")
        for file in sorted(folder.glob("*.bin")):
            refuse_inflated(file)
        return str(folder.absolute()), True
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", name):
        raise ModelError(f"There is no folder {folder.absolute()}. {_WAY_ON}")
    return name, False


def _classifier(transformers: Any, config: Any, source: str) -> Any:
    """Return the class of the network, which must be an image classifier as it was saved."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS

    known = CLASSIFIERS.get(config.model_type, ())
    known = (known,) if isinstance(known, str) else tuple(known)
    # Folders of timm networks name timm's architecture here, not a class of transformers.
    saved = known[:1] if config.model_type == "timm_wrapper" else config.architectures or ()
    chosen = [name for name in saved if name in known]
    if not chosen:
        raise ModelError(
            f"{source} holds {first_few(config.architectures or [config.model_type])}, and no image classifier: "
            f"its config.json names none of {first_few(known) or 'the classifiers that transformers knows'}. {_WAY_ON}"
        )
    return getattr(transformers, chosen[0])


def _published(kind: Any, config: Any, source: str, local: bool) -> nn.Module:
    network, found = kind.from_pretrained(
        source, config=config, dtype=torch.float32, local_files_only=local, output_loading_info=True
    )
    # Transformers fills what is missing with random numbers and goes on.
    wrong = sorted({*found["missing_keys"], *(str(key) for key in found["mismatched_keys"])})
    if wrong or found["unexpected_keys"]:
        problems = [
            *([f"they lack {first_few(wrong, 4)}"] if wrong else []),
            *(
                [f"they have the unknown {first_few(sorted(found['unexpected_keys']), 4)}"]
                * bool(found["unexpected_keys"])
            ),
        ]
        raise ModelError(f"The weights in {source} are not those of {kind.__name__}: {'; '.join(problems)}. {_WAY_ON}")
    return network


def _version(config: Any, source: str) -> str:
    # Transformers knows the commit only of what it downloaded.
    commit = getattr(config, "_commit_hash", None)
    return f"hf {source}@{commit}" if commit else f"hf {source}"


def _replaced(kind: Any, config: Any, source: str, weights: str) -> tuple[nn.Module, str, tuple[str, ...]]:
    with seeded():
        network = kind(config)
    if weights == "none":
        return network, "none", (RANDOM_NOTE,)
    checkpoint = checkpoint_called(weights, f"hf:{source} has DEFAULT (its own) and none (random ones)")
    found = parameters_for(network, checkpoint)
    load_into(network, found.state, found.source)
    return network, found.source, found.notes


def _scores(_network: nn.Module, _inputs: Any, output: Any) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output.logits


def _output_names(config: Any) -> tuple[str, ...]:
    """Return the names of the outputs; empty where nobody named them."""
    labels = [str(config.id2label.get(index, "")) for index in range(config.num_labels)]
    given = all(labels) and not all(re.fullmatch(r"LABEL_\d+|\d+", label) for label in labels)
    return tuple(labels) if given else ()


@contextmanager
def _errors_told(source: str, local: bool) -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # the hub's client, the configuration and the file can fail in any way
        reason = " ".join(str(error).split())[:300]
        if local:
            raise ModelError(f"{source} cannot be loaded ({type(error).__name__}: {reason}). {_WAY_ON}") from error
        raise ModelError(
            f"There is no folder {source!r} here, and the Hugging Face Hub did not give a network of that name "
            f"({type(error).__name__}: {reason}). {_WAY_ON}"
        ) from error


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep loading reports, retries and progress bars off the screen; a failure is told in one sentence instead."""
    logging, hub = transformers.utils.logging, py_logging.getLogger("huggingface_hub")
    verbosity, hub_level, bars = logging.get_verbosity(), hub.level, logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    hub.setLevel(py_logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        hub.setLevel(hub_level)
        if bars:
            logging.enable_progress_bar()


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {number}" for key, number in value.items() if number is not None)
    if isinstance(value, (list, tuple)):
        return " ".join(map(_words, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
