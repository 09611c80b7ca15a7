"""Rows of measures that experiments add, other than drops, with the functions of measures of activations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.class_correlation import strongest_class
from precompute.measures.detection import one_against_rest, precision_at_k
from precompute.measures.information import mutual_information, quantile_bins
from precompute.measures.measure_row import MORCOS, SHUFFLED_LABELS, ZHOU, ChanceLevel, MeasureRow
from precompute.measures.responses import Labels, Responses
from precompute.measures.sparsity import hoyer, lifetime_sparsity, silent_fraction

_CASPER = "Casper et al. 2021, arXiv:1912.04783"
_ZHAO = "Zhao and Zhang 2021, arXiv:2103.09716"
_OIKARINEN = "Oikarinen et al. 2025, arXiv:2506.05774"
_FALL = "mean over classes of the fall of the true class's log-odds without the unit, in nats"

_SHUFFLED_MASKS = ChanceLevel(
    "The largest of many overlaps is large by chance alone.", experiment="dissection", dataset="chance"
)
_SHUFFLED_MAPS = ChanceLevel(
    "Noise has an entropy too. Shuffles of the pixels are not smooth: smooth noise lies below them.",
    experiment="entropy",
    dataset="shuffled_mean",
    over="mean",
    name="own maps shuffled, mean",
    phrase="own maps shuffled: {} on average",
    has_ends=True,
)


def _information(responses: Responses, labels: Labels) -> NDArray[np.floating[Any]]:
    return mutual_information(quantile_bins(responses.mean), labels.label)


def _best_area(responses: Responses, labels: Labels) -> NDArray[np.floating[Any]]:
    return _best(one_against_rest(responses.mean, labels.label, labels.n_classes), responses)


def _best_precision(responses: Responses, labels: Labels) -> NDArray[np.floating[Any]]:
    return _best(precision_at_k(responses.max, labels.label, labels.n_classes, k=labels.k), responses)


def _best(of_class: NDArray[np.floating[Any]], responses: Responses) -> NDArray[np.floating[Any]]:
    return np.where(responses.silent, np.nan, strongest_class(of_class)[0])


UNIT_ROWS: tuple[MeasureRow, ...] = (
    MeasureRow(
        "class_selectivity_held_out",
        "Class selectivity, held out",
        "class selectivity of the class chosen on the other half of the images, both ways together",
        f"{MORCOS}; {_CASPER}",
        "-1 to 1",
        "higher",
        made_by="selectivity",
        of_class="selective_class",
        chance=SHUFFLED_LABELS,
    ),
    MeasureRow(
        "class_selectivity_p",
        "Class selectivity: p",
        "share of shuffled labels that give as large a class selectivity",
        MORCOS,
        "0 to 1",
        "lower",
        kind="chance",
        made_by="selectivity",
    ),
    MeasureRow(
        "class_selectivity_expected",
        "Class selectivity by chance",
        "mean class selectivity under shuffled labels",
        MORCOS,
        "0 to 1",
        "neither",
        kind="chance",
        made_by="selectivity",
    ),
    MeasureRow(
        "class_correlation",
        "Class correlation",
        "maximum over classes of the correlation of the activation, at its maximum over space, with the predicted "
        "probability of the class",
        ZHOU,
        "-1 to 1",
        "higher",
        made_by="responses",
        made_of="answers",
        of_class="class_correlation_class",
        chance=ChanceLevel(
            "The largest of many correlations is large by chance alone.",
            experiment="responses",
            dataset="shuffled_highest",
            unknown="by chance not known",
        ),
    ),
    MeasureRow(
        "class_correlation_class",
        "Class of the class correlation",
        "class of the largest correlation",
        ZHOU,
        "class index",
        "neither",
        kind="class",
        made_by="responses",
        made_of="answers",
    ),
    MeasureRow(
        "mutual_information",
        "Mutual information",
        "bits that the activation, in 32 quantile bins and one for zero, tells about the class; Miller-Madow corrected",
        MORCOS,
        "any; 0 by chance",
        "higher",
        made_by="selectivity",
        chance=SHUFFLED_LABELS,
        compute=_information,
    ),
    MeasureRow(
        "mutual_information_p",
        "Mutual information: p",
        "share of shuffled labels that give as much information",
        MORCOS,
        "0 to 1",
        "lower",
        kind="chance",
        made_by="selectivity",
    ),
    MeasureRow(
        "one_against_rest",
        "Best one-against-rest AUC",
        "maximum over classes of the probability that an image of the class drives the unit more than another image",
        "Hanley and McNeil 1982",
        "0 to 1",
        "higher",
        made_by="selectivity",
        of_class="one_against_rest_class",
        chance=SHUFFLED_LABELS,
        compute=_best_area,
    ),
    MeasureRow(
        "one_against_rest_class",
        "Class of the best AUC",
        "class that the activation finds best",
        "Hanley and McNeil 1982",
        "class index",
        "neither",
        kind="class",
        made_by="selectivity",
    ),
    MeasureRow(
        "precision_at_k",
        "Best precision at k",
        "maximum over classes of the share of the class among the k images that drive the unit most; k is 25, or the "
        "size of the smallest class",
        "",
        "0 to 1",
        "higher",
        made_by="selectivity",
        chance=SHUFFLED_LABELS,
        compute=_best_precision,
    ),
    MeasureRow(
        "average_precision",
        "Average precision",
        "average precision as a detector of the class chosen on the other half of the images, the mean of both ways",
        _OIKARINEN,
        "0 to 1",
        "higher",
        made_by="selectivity",
        of_class="average_precision_class",
        chance=SHUFFLED_LABELS,
    ),
    MeasureRow(
        "average_precision_class",
        "Class of the average precision",
        "class that the activation finds best on either half of the images",
        _OIKARINEN,
        "class index",
        "neither",
        kind="class",
        made_by="selectivity",
    ),
    MeasureRow(
        "best_f1",
        "Best F1",
        "F1 as a detector, class and threshold chosen on the other half of the images, the mean of both ways",
        _OIKARINEN,
        "0 to 1",
        "higher",
        made_by="selectivity",
        chance=SHUFFLED_LABELS,
    ),
    MeasureRow(
        "zero_fraction",
        "Fraction of zeros (APoZ)",
        "fraction of zeros over images and positions",
        "Hu et al. 2016, arXiv:1607.03250",
        "0 to 1",
        "neither",
        made_by="responses",
    ),
    MeasureRow(
        "silent_fraction",
        "Silent images",
        "fraction of the images on which the map is zero everywhere",
        "",
        "0 to 1",
        "neither",
        made_by="selectivity",
        compute=lambda responses, _: silent_fraction(responses.max, responses.mean),
    ),
    MeasureRow(
        "hoyer",
        "Sparsity (Hoyer)",
        "(sqrt(n) - |a|_1 / |a|_2) / (sqrt(n) - 1), a: activations on the n images",
        "Hoyer 2004",
        "0 to 1",
        "neither",
        made_by="selectivity",
        compute=lambda responses, _: hoyer(responses.rate),
    ),
    MeasureRow(
        "lifetime_sparsity",
        "Lifetime sparsity",
        "(1 - mean(a)^2 / mean(a^2)) / (1 - 1/n), a: activations on the n images",
        "Vinje and Gallant 2000",
        "0 to 1",
        "neither",
        made_by="selectivity",
        compute=lambda responses, _: lifetime_sparsity(responses.rate),
    ),
    MeasureRow(
        "redundancy",
        "Redundancy",
        "number of other units of the layer whose activation correlates with the unit's, |r| at least 0.5",
        _CASPER,
        "0 and above",
        "neither",
        made_by="selectivity",
    ),
    MeasureRow(
        "feature_entropy",
        "Feature entropy",
        "mean over classes of the entropy, in nats, of the levels at which the unit's maps first have a hole",
        _ZHAO,
        "0 and above",
        "lower",
        made_by="entropy",
        chance=_SHUFFLED_MAPS,
    ),
    MeasureRow(
        "selective_rate",
        "Selective rate",
        "fraction of the images on which the unit's map has a hole at any level",
        _ZHAO,
        "0 to 1",
        "neither",
        made_by="entropy",
    ),
    MeasureRow(
        "concept_iou",
        "Concept alignment",
        "maximum over concepts of intersection over union of the concept's places with the unit's most active ones",
        "Bau et al. 2017, arXiv:1704.05796",
        "0 to 1",
        "higher",
        made_by="dissection",
        chance=_SHUFFLED_MASKS,
    ),
    MeasureRow(
        "concept",
        "Best concept",
        "concept of the largest intersection over union",
        "Bau et al. 2017, arXiv:1704.05796",
        "concept index",
        "neither",
        kind="concept",
        made_by="dissection",
    ),
    MeasureRow(
        "training_effect",
        "Effect on training images",
        f"{_FALL}, on training images",
        "",
        "any",
        "neither",
        kind="effect",
        made_by="roles",
        per_ablation=True,
        made_of="answers",
    ),
    MeasureRow(
        "held_out_effect",
        "Effect on held-out images",
        f"{_FALL}, on held-out images",
        "",
        "any",
        "neither",
        kind="effect",
        made_by="roles",
        per_ablation=True,
        made_of="answers",
    ),
    MeasureRow(
        "effect_gap",
        "Training beyond held-out effect",
        f"{_FALL}, training - held-out",
        "",
        "any",
        "neither",
        kind="effect",
        made_by="roles",
        per_ablation=True,
        made_of="answers",
    ),
    MeasureRow(
        "colour_selectivity",
        "Colour selectivity",
        "1 - activation on the top exemplars in grey / activation on the top exemplars",
        "Rafegas et al. 2020, arXiv:1702.00382",
        "at most 1",
        "neither",
        made_by="compression",
    ),
    MeasureRow(
        "weight_chroma",
        "Colour in the weights",
        "share of a first-layer kernel's energy off the grey axis",
        "",
        "0 to 1",
        "neither",
        made_by="compression",
        made_of="weights",
    ),
)
