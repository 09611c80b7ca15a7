"""Words that several parts of the program share."""

from precompute.words import close_matches, few_pairs, first_few


def test_long_lists_are_cut_and_counted():
    assert first_few(["cat", "dog"]) == "cat, dog"
    assert first_few(iter("abcde"), at_most=2) == "a, b and 3 more"
    assert first_few(list("ab") * 1000, at_most=1) == "a and 1,999 more"
    assert few_pairs(["dog", "cat", "owl"], [1, 0, 2], at_most=2) == "cat -> 0, dog -> 1 and 1 more"


def test_a_hint_names_what_is_spelt_most_alike():
    known = ["resnet18", "resnet50", "alexnet"]
    assert close_matches("resnet51", iter(known)) == " Close to it: resnet50, resnet18."
    assert close_matches("zzz", known) == ""


def test_a_lower_cutoff_gives_more_distant_hints():
    assert close_matches("layer4.bn", ["layer4", "relu"], cutoff=0.9) == ""
    assert close_matches("layer4.bn", ["layer4", "relu"], cutoff=0.5) == " Close to it: layer4."
