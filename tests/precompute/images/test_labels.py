"""Images and classes from a list: what is taken, and what is refused with its lines."""

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.errors import ImageFolderError
from precompute.images.labels import read_labels
from tests.precompute.images.test_folder import plant

PATHS = ("a/1.png", "a/2.png", "b.png", "c,d.png")


@pytest.fixture
def write(tmp_path):
    """A function that writes a list beside the images and returns its path."""
    plant(tmp_path, *PATHS)

    def write(content, encoding="utf-8"):
        file = tmp_path / "labels.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return file

    return write


def refused(file, root=None):
    with pytest.raises(ImageFolderError) as error:
        read_labels(file, root)
    assert str(file) in str(error.value)
    return str(error.value)


def test_images_are_sorted_by_label_then_path_and_the_root_is_the_lists_folder(write, tmp_path):
    found = read_labels(write("path,label\nb.png,owl\na/2.png,cat\na/1.png,owl\n"))
    assert found.images.root == tmp_path
    assert found.images.paths == ("a/2.png", "a/1.png", "b.png")
    assert found.images.labels.tolist() == [0, 1, 1]
    assert found.images.class_names == ("cat", "owl")
    assert found.train is None
    assert found.unused == ()


def test_the_order_of_the_rows_means_nothing(write):
    rows = ["b.png,owl", "a/2.png,cat", "a/1.png,owl"]
    shuffled = random.Random(1).sample(rows, 3)
    digests = [read_labels(write("\n".join(["path,label", *each]))).images.digest() for each in (rows, shuffled)]
    assert digests[0] == digests[1]


def test_paths_are_relative_to_the_folder_that_is_named(write, tmp_path):
    assert read_labels(write("path,label\n1.png,cat\n2.png,dog"), tmp_path / "a").images.paths == ("1.png", "2.png")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_as_spreadsheets_write_them(write, delimiter, end, encoding):
    rows = ["Path,Label", '"a/1.png","dog, große"'.replace(", ", "; "), "", " b.png , cat "]
    text = end.join(row.replace(",", delimiter) for row in rows)
    found = read_labels(write(text, encoding))
    assert found.images.paths == ("b.png", "a/1.png")
    assert found.images.class_names == ("cat", "dog; große")


def test_quotation_marks_hold_what_stands_between_values(write):
    assert read_labels(write('path,label\n"c,d.png","a ""b"""\n')).images.class_names == ('a "b"',)


@pytest.mark.parametrize("head", ["image,class", "FILE,LABEL", "filename,label", "file_name,class", "filepath, Label"])
def test_columns_have_several_names(write, head):
    assert read_labels(write(f"{head}\nb.png,owl\n")).images.paths == ("b.png",)


def test_other_columns_are_told(write):
    assert read_labels(write("width,path,fold,label\n3,b.png,1,owl\n")).unused == ("width", "fold")


def test_absolute_paths_below_the_folder_and_other_spellings_are_the_same_image(write, tmp_path):
    assert read_labels(write(f"path,label\n{tmp_path}/a/1.png,x\n./a//2.png,x\n")).images.paths == (
        "a/1.png",
        "a/2.png",
    )
    assert read_labels(write("path,label\na\\1.png,x\n")).images.paths == ("a/1.png",)


def test_rows_for_training_are_apart(write):
    found = read_labels(write('path,label,split\na/1.png,x,Train\na/2.png,x,val\nb.png,y,training\n"c,d.png",y,val\n'))
    assert found.images.paths == ("a/2.png", "c,d.png")
    assert found.train.paths == ("a/1.png", "b.png")
    assert found.train.class_names == ("x", "y")


@pytest.mark.parametrize("split", ["", "val", "valid", "validation", "test"])
def test_one_split_is_the_images(write, split):
    assert len(read_labels(write(f"path,label,set\na/1.png,x,{split}\nb.png,x,train\n")).images) == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("path,label,split\na/1.png,x,val\nb.png,x,test", "1 of test, 1 of val"),
        ("path,label,split\na/1.png,x,\nb.png,x,test", "1 of no split, 1 of test"),
        ("path,label,split\na/1.png,x,train", "found only rows for training"),
        ("path,label", "found no rows"),
        ("path,label,split\na/1.png,x,extra", "line 2 has the split 'extra'"),
        ("path,label\na/1.png,x\na/1.png,y", r"the same image in two classes: line 3 (a/1.png)"),
        ("path,label\na/1.png,x\n./a/1.png,y", r"the same image in two classes: line 3 (a/1.png)"),
        ("path,label\na/1.png,x\na/1.png,x", "listed more than once: line 3"),
        ("path,label,split\na/1.png,x,val\na/1.png,x,train", "for training and for the run: line 3"),
        ("path,label\n\na/9.png,x\nb.png,x\nz.png,x", "line 3 (a/9.png), line 5 (z.png). Use --images"),
        ("path,label\na,x", "line 2 (a)"),
        ("path,label\n../x.png,x", "../x.png is not below"),
        ("path,label\na/../b.png,x", "a/../b.png is not below"),
        ("path,label\n/etc/passwd,x", "/etc/passwd is not below"),
        ("path,label\n.,x", "line 2: . is not below"),
        ("path,label\n,x", "line 2 has no path"),
        ("path,label\na/1.png, ", "line 2 has no label"),
        ("path,label\na/1.png", "line 2 has 1 values, but there are 2 columns (path, label)"),
        ("path,label\nc,d.png,x", "line 2 has 3 values"),
        ("path,label\na/1.png,\x07", "the label of line 2 holds control characters: '\\x07'"),
        ('path,label\n"a/\n1.png",x', "the path of line 3 holds control characters"),
        (f"path,label\na/1.png,{'x' * 256}", "more than 255 characters"),
        ('path,label\n"a/1.png,x', "line 2 is not CSV"),
        ('path,label\n"a"/1.png,x', "line 2 is not CSV"),
        ("a/1.png,x\nb.png,y", "found 'a/1.png,x'. The path may be called path, image"),
        ("path,name\na/1.png,x", "found 'path,name'"),
        ("path label\na/1.png x", "found 'path label'"),
        ("path,label,filename\na/1.png,x,1", "several columns may be the path: path, filename"),
        ("", "this file is empty"),
        ("\n \n", "this file is empty"),
        (b"path,label\nb.png,gr\xf6\xdfe", "this is not UTF-8"),
        (b"path,label\nb.png,\x00", "null bytes"),
        (b"\x89PNG\r\n\x1a\n", "this is not UTF-8"),
        ("path,label\n" + "x" * 5000 + ",x", "line 2 (xxx"),
    ],
)
def test_what_is_not_certain_is_refused_with_its_line(write, rows, said):
    assert said in refused(write(rows))


def test_a_list_that_is_no_file_is_named(tmp_path):
    assert "there is no such file" in refused(tmp_path / "gone.csv")
    assert "this is not a file" in refused(tmp_path, tmp_path)


def test_a_folder_that_is_not_there_is_named(write, tmp_path):
    with pytest.raises(ImageFolderError, match="gone: there is no such folder"):
        read_labels(write("path,label\nb.png,owl\n"), tmp_path / "gone")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("list") / "labels.csv"
    for head in (b"", b"path,label\n", b"path;label;split\r\n"):
        file.write_bytes(head + content)
        with pytest.raises(ImageFolderError):
            read_labels(file)


def test_paths_and_labels_may_write_accents_in_another_way_than_the_disk(write, tmp_path):
    on_disk = [unicodedata.normalize("NFD", path) for path in ("é/ñ.png", "é/o.png", "ü.png")]
    plant(tmp_path, *on_disk)
    labels = [unicodedata.normalize(form, "ö") for form in ("NFC", "NFD", "NFC")]
    rows = [f"{unicodedata.normalize('NFC', path)},{label}" for path, label in zip(on_disk, labels, strict=True)]
    found = read_labels(write("\n".join(["path,label", *rows]))).images
    assert found.paths == tuple(sorted(on_disk))
    assert found.class_names == (unicodedata.normalize("NFC", "ö"),)


def test_one_path_in_two_spellings_is_one_image(write, tmp_path):
    plant(tmp_path, unicodedata.normalize("NFD", "é.png"))
    rows = [f"{unicodedata.normalize(form, 'é.png')},{label}" for form, label in (("NFC", "cat"), ("NFD", "dog"))]
    assert "the same image in two classes: line 3" in refused(write("\n".join(["path,label", *rows])))


def test_a_path_that_two_files_could_be_is_not_guessed(write, tmp_path):
    plant(tmp_path, "\u1e69.png".replace("\u1e69", "s\u0323\u0307"), "s\u0307\u0323.png")
    assert "no file below" in refused(write("path,label\n\u1e69.png,cat\n"))
