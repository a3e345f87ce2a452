"""Weights that run code, promise more than they hold, or are not what they are taken for."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from corpus import crafted
from corpus.case import Case, Lab
from corpus.crafted import Described, Storage, archive, legacy, pickled, safetensors, scripted

HUGE = 2 * 10**10  # float32 of 80 GB
BROKEN = "cannot be read: .*expected safetensors, a torch file"


def of_file(name: str, make: Callable[[Path, Lab], object], words: str = BROKEN) -> Case:
    """A crafted file, given to the importer of recognizers."""

    def line(lab: Lab) -> str:
        make(lab.folder / "w.pt", lab)
        return "import-recognizer {folder}/w.pt --layout clip --out {folder}/own"

    return Case(name, line, words)


def of_policy(name: str, make: Callable[[Path, Lab], object], words: str = BROKEN) -> Case:
    """A crafted file, given to the importer of policies."""

    def line(lab: Lab) -> str:
        make(lab.folder / "w.pt", lab)
        return "import-policy {folder}/w.pt --out {folder}/own"

    return Case(name, line, words)


def _raw(data: bytes) -> Callable[[Path, Lab], object]:
    return lambda path, _: archive(path, b"\x80\x02" + data)


def _saved(content: object) -> Callable[[Path, Lab], object]:
    return lambda path, _: torch.save(content, path)


def _cut(path: Path, _: Lab) -> None:
    torch.save({"w": torch.zeros(99)}, path)
    path.write_bytes(path.read_bytes()[:-90])


def _cyclic() -> list[object]:
    cycle: list[object] = []
    cycle.append(cycle)
    return cycle


def _program(state: bytes, program: bytes = crafted.PROGRAM) -> Callable[[Path, Lab], object]:
    return lambda path, _: scripted(path, state, program)


RUNS_CODE = [
    of_file(
        "a TorchScript archive that writes files as it is restored",
        lambda path, lab: crafted.scripted_payload(path, lab.payload),
        r"restored by a function of its own .*not run; .*torch\.jit\.load",
    ),
    of_policy(
        "a TorchScript archive that writes files, as a policy",
        lambda path, lab: crafted.scripted_payload(path, lab.payload),
        "restored by a function of its own",
    ),
    of_file(
        "a pickle that runs code",
        lambda path, lab: torch.save({"w": crafted.Runs(lab.payload)}, path),
        r"names __builtin__\.exec, which would have to be run",
    ),
    of_policy(
        "a pickle of before torch 1.6 that runs code",
        lambda path, lab: torch.save(
            {"w": crafted.Runs(lab.payload)}, path, _use_new_zipfile_serialization=False
        ),
        r"names __builtin__\.exec",
    ),
    of_file(
        "a bare pickle that runs code",
        lambda path, lab: path.write_bytes(pickled(crafted.Runs(lab.payload))),
        r"names __builtin__\.exec",
    ),
    of_file(
        "code in the list of a legacy file's storages",
        lambda path, lab: path.write_bytes(
            b"".join(pickled(p) for p in (0x1950A86A20F9469CFC6C, 1001, {}, {}))
            + pickled(crafted.Runs(lab.payload))
        ),
        r"names __builtin__\.exec",
    ),
    of_file(
        "a module with its class", _saved({"w": torch.nn.Linear(1, 1)}), "would have to be run"
    ),
    of_file("a name of torch that is no tensor", _raw(b"ctorch\nload\n."), r"names torch\.load"),
    of_file("a name by a dotted path", _raw(b"cos\nsystem.x\n."), r"names os\.system\.x"),
    of_file("an object of a class of arguments", _raw(b"ctorch\nSize\n(K\x01t\x81."), "no class"),
    of_file("a call of a text", _raw(b"X\x01\x00\x00\x00a)R."), "what is no function"),
    of_file("a code of an extension", _raw(b"\x82\x01."), "asks for EXT1"),
    of_file("an instance in the old way", _raw(b"(cos\nsystem\no."), "names os.system"),
    of_file("an instance by INST", _raw(b"(ios\nsystem\n."), "asks for INST"),
]

PROMISES = [
    of_file(
        "a storage of 80 GB",
        lambda p, _: archive(p, {"w": Described(Storage(count=HUGE), (HUGE,))}),
        r"has 16 bytes, 80,000,000,000 are promised",
    ),
    of_policy(
        "a storage of 80 GB in a legacy file",
        lambda p, _: legacy(p, {"w": Described(Storage(count=HUGE), (HUGE,))}, {"0": HUGE}),
        "promises 80,000,000,000 bytes that are not there",
    ),
    of_file(
        "a storage of 80 GB described, of 4 numbers written",
        lambda p, _: legacy(p, {"w": Described(Storage(count=HUGE), (HUGE,))}, {"0": 4}),
        "not of 80,000,000,000 bytes",
    ),
    of_file(
        "a negative storage in a legacy file",
        lambda p, _: legacy(p, {"w": Described()}, {"0": -4}),
        "bytes that are not there",
    ),
    of_file(
        "a shape beyond the storage",
        lambda p, _: archive(p, {"w": Described(size=(5,))}),
        r"shape \(5,\) in a storage of 4 entries",
    ),
    of_file(
        "strides beyond the storage",
        lambda p, _: archive(p, {"w": Described(size=(2, 2), stride=(9, 1))}),
        "in a storage of 4 entries",
    ),
    of_file(
        "an offset beyond the storage",
        lambda p, _: archive(p, {"w": Described(offset=3)}),
        "in a storage of 4 entries",
    ),
    of_file(
        "one number repeated to 80 GB by a stride of zero",
        lambda p, _: archive(p, {"w": Described(size=(HUGE,), stride=(0,))}),
        "in a storage of 4 entries",
    ),
    of_file(
        "a negative stride",
        lambda p, _: archive(p, {"w": Described(stride=(-1,), offset=3)}),
        "sizes are no counts",
    ),
    of_file(
        "a negative size",
        lambda p, _: archive(p, {"w": Described(size=(-4,))}),
        "sizes are no counts",
    ),
    of_file(
        "more sizes than strides",
        lambda p, _: archive(p, {"w": Described(size=(2, 2))}),
        "broken|cannot be read",
    ),
    of_file(
        "a storage described twice",
        lambda p, _: archive(
            p, {"v": Described(), "w": Described(Storage(count=2), (2,))}, data_0=crafted.FLOATS
        ),
        "described in two ways",
    ),
    of_file(
        "a thousand names for the same numbers",
        lambda p, _: archive(
            p,
            {f"w{i}": Described(Storage(count=25_000), (25_000,)) for i in range(1_000)},
            data_0=bytes(100_000),
        ),
        "its tensors share their memory",
    ),
    of_file(
        "a storage that is not there",
        lambda p, _: archive(p, {"w": Described(Storage("9"))}),
        "storage '9' is missing",
    ),
    of_file(
        "zeros that unpack to a thousand times their size",
        lambda p, _: crafted.zeros(p, 128 << 20, "archive/data.pkl"),
        r"unpacks from .* kiB to 128\.0 MiB",
    ),
    of_file(
        "a table that promises 4 GB",
        lambda p, _: crafted.promised(archive(p, {"w": Described()}), 2**32 - 2),
        r"to 4\.0 GiB",
    ),
    of_file(
        "a text as long as no memory",
        _raw(b"\x8d" + (1 << 60).to_bytes(8, "little") + b"a."),
        "a broken pickle",
    ),
    of_file(
        "bytes as long as no memory",
        _raw(b"\x96" + (1 << 40).to_bytes(8, "little") + b"a."),
        "a broken pickle",
    ),
    of_file("a place in memory that is far away", _raw(b"Nr\xff\xff\xff\x7f."), "NoneType"),
    of_file("what was never remembered", _raw(b"h\x07."), "a broken pickle"),
    of_file("lists 10,000 deep", _raw(b"]" * 10**4 + b"a" * (10**4 - 1) + b"."), "deep"),
    of_file(
        "dicts 10,000 deep", _raw(b"}K\x01" * 10**4 + b"N" + b"s" * 10**4 + b"."), "levels deep"
    ),
    of_file(
        "tuples 10,000 deep as a key",
        _raw(b"})" + b"\x85" * 10**4 + b"Ns."),
        "asked by a tuple",
    ),
    of_file("a list that contains itself", _saved({"model": {"w": _cyclic()}}), "contains itself"),
    of_file("a pickle without end", _raw(b"N"), "without end|broken pickle"),
    of_file("a pickle of nothing", _raw(b"."), "a broken pickle"),
    of_file("no mark where one is needed", _raw(b"Nt."), "a broken pickle"),
]

SCRIPTS = [
    of_file("a module that contains itself", _program(crafted.in_itself()), "contains itself"),
    of_file(
        "modules that double at each level", _program(crafted.doubled(40)), "more than 100,000"
    ),
    of_file("a module whose state is a number", _program(b"K\x07"), "function of its own"),
    of_file("a program that is not there", _program(b"}", b""), "does not tell which"),
    of_file(
        "a weight that is a number", _program(b"}X\x01\x00\x00\x00wK\x07s"), "at the top stand"
    ),
    of_file(
        "an archive without a module",
        lambda p, _: archive(p, {"w": Described()}, **{"constants.pkl": b"\x80\x02)."}),
        "without a module",
    ),
]

OTHERS = [
    of_file("nothing", lambda p, _: p.write_bytes(b"")),
    of_file("a page of the web", lambda p, _: p.write_text("<html>not found</html>")),
    of_file("a file that ends too early", _cut),
    of_file("a folder", lambda p, _: p.mkdir(), "it is no file"),
    of_file("a device without end", lambda p, _: p.symlink_to("/dev/zero"), "it is no file"),
    of_file("a pipe", lambda p, _: os.mkfifo(p), "it is no file"),
    of_file("a file that is not there", lambda *_: None, "No such file"),
    of_file(
        "an archive of something else",
        lambda p, _: crafted.zipped(p, {"word/document.xml": b"x"}),
        "without a data.pkl",
    ),
    of_file(
        "two descriptions in one archive",
        lambda p, _: crafted.zipped(p, {"a/data.pkl": b"", "b/data.pkl": b""}),
        "without a data.pkl",
    ),
    of_file(
        "numbers of the other byte order",
        lambda p, _: archive(p, {"w": Described()}, byteorder=b"big"),
        "byte order",
    ),
    of_file("a list of tensors", _saved([torch.zeros(1)]), "holds list, expected named tensors"),
    of_file("numbers beside tensors", _saved({"w": torch.zeros(1), "e": 3}), "at the top stand"),
    of_file("no tensors at all", _saved({}), "holds dict, expected named tensors"),
    of_file("a sparse tensor", _saved({"w": torch.eye(3).to_sparse()}), "would have to be run"),
    of_file(
        "two parts that could be the weights",
        _saved({"model": {"w": torch.zeros(1)}, "module": {"w": torch.zeros(1)}}),
        "expected tensors, or one of",
    ),
]

SAFETENSORS = [
    of_file(
        "a safetensors header as long as no memory",
        lambda p, _: p.write_bytes((1 << 60).to_bytes(8, "little") + b"{"),
    ),
    of_file(
        "a safetensors tensor of 80 GB",
        lambda p, _: safetensors(p, crafted.one_tensor(shape=[HUGE], data_offsets=[0, 4 * HUGE])),
    ),
    of_file(
        "a safetensors shape that is not its bytes",
        lambda p, _: safetensors(p, crafted.one_tensor(shape=[5])),
    ),
    of_file(
        "safetensors offsets that overlap",
        lambda p, _: safetensors(p, crafted.one_tensor() | {"v": crafted.one_tensor()["w"]}),
    ),
    of_file(
        "a safetensors shape below zero",
        lambda p, _: safetensors(p, crafted.one_tensor(shape=[-4])),
    ),
    of_file(
        "a safetensors header nested 100,000 deep",
        lambda p, _: safetensors(p, b'{"w":' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
    ),
    of_policy(
        "a safetensors file that ends too early",
        lambda p, _: safetensors(p, crafted.one_tensor(), b"\0" * 9),
    ),
]


def clip(
    heads: int = 2, width: int = 160, mlp: int = 640, **more: torch.Tensor
) -> dict[str, object]:
    """A few weights of a CLIP that tell its sizes; it is refused before others are missed."""
    return {
        "visual.conv1.weight": torch.zeros(width, 3, 4, 4),
        "visual.positional_embedding": torch.zeros(17, width),
        "visual.proj": torch.zeros(width, 16),
        "visual.transformer.resblocks.0.mlp.c_fc.weight": torch.zeros(mlp, width),
        "visual.transformer.resblocks.0.ln_1.weight": torch.zeros(width),
        "positional_embedding": torch.zeros(77, 64),
        "token_embedding.weight": torch.zeros(50, 64),
        "transformer.resblocks.0.ln_1.weight": torch.zeros(64),
        **more,
    }


def of_clip(name: str, stored: dict[str, object], options: str, words: str) -> Case:
    """A CLIP about which something has to be said."""

    def line(lab: Lab) -> str:
        save_file(stored, lab.folder / "clip.safetensors")
        return (
            "import-recognizer {folder}/clip.safetensors --layout clip --out {folder}/own "
            + options
        )

    return Case(name, line, words)


_TOLD = "--heads 2 --text-heads 1 --activation gelu"
UNTOLD = [
    of_clip("heads that nothing tells", clip(), "--activation gelu", "give --heads N"),
    of_clip(
        "a nonlinearity that nothing tells", clip(), "--heads 2 --text-heads 1", "--activation"
    ),
    of_clip(
        "heads that do not divide the width",
        clip(),
        "--heads 3 --text-heads 1 --activation gelu",
        "--heads 3 is no divisor of 160",
    ),
    of_clip(
        "no heads at all", clip(), "--heads 0 --text-heads 1 --activation gelu", "--heads 0 is no"
    ),
    of_clip("an MLP of another width, as ViT-g's", clip(mlp=700), _TOLD, "an MLP of 700"),
    of_clip("weights that lack most keys", clip(), _TOLD, r"missing visual\.class_embedding"),
    of_clip("a prefix that no key has", clip(), _TOLD + " --drop viual.", "matches no key"),
    of_clip("a ResNet", {"visual.layer1.0.conv1.weight": torch.zeros(3)}, _TOLD, "ResNets are not"),
    of_clip(
        "patches without a side",
        clip() | {"visual.conv1.weight": torch.zeros(160, 3, 0, 0)},
        _TOLD,
        "must be a multiple of video.patch",
    ),
    of_clip(
        "a tower of no width",
        clip() | {"visual.conv1.weight": torch.zeros(0, 3, 4, 4)},
        _TOLD,
        "an MLP of 640 in a tower of 0|no divisor",
    ),
]

CASES = [*RUNS_CODE, *PROMISES, *SCRIPTS, *OTHERS, *SAFETENSORS, *UNTOLD]
