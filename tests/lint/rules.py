"""The rules that tests/lint/lint holds the tree to."""

# folder: the folders that its files may include, itself aside; "*" for any.
COMMON = ["common/base", "common/code", "common/image"]
LAYERS = {
    "common/base": [],
    "common/code": ["common/base"],
    "common/image": ["common/base"],
    "proto": ["common/base", "common/code"],
    "coordinator/partition": ["common/base", "common/code"],
    "coordinator/serve": ["common/base", "common/code", "proto", "coordinator/partition"],
    "coordinator/client": COMMON + ["proto"],
    "worker/decode": ["common/base", "common/image"],
    "worker/encode": COMMON + ["proto"],
    "worker/dataset": COMMON + ["proto"],
    "worker/train": COMMON + ["proto", "worker/encode"],
    "worker/eval": COMMON + ["proto", "worker/dataset", "worker/encode", "worker/train"],
    "worker/atlas": COMMON + ["proto", "worker/dataset", "worker/decode", "worker/encode"],
    "worker/classify": COMMON + ["proto", "worker/dataset", "worker/decode", "worker/encode"],
    "worker/shard": ["common/base", "common/code", "proto"],
    "worker/search": ["common/base", "common/code"],
    "worker/plan": COMMON + ["proto", "worker/shard", "worker/search"],
    "worker/index": COMMON + ["proto", "coordinator/partition", "worker/dataset", "worker/decode",
                              "worker/encode", "worker/train", "worker/eval", "worker/plan",
                              "worker/shard", "worker/search"],
    "worker/serve": COMMON + ["proto", "worker/decode", "worker/encode", "worker/shard",
                              "worker/search"],
    "worker/verify": COMMON + ["proto", "worker/encode", "worker/shard", "worker/search"],
    "tests": ["*"],
}

# Includes that a build writes.
GENERATED = {"worker/encode/onnx.pb-c.h"}

# outside header (a pattern): the files that may include it (a pattern).
HOMES = {
    r"zmq(_utils)?\.h": r"proto/link\w*\.[ch]$",
    r"msgpack.*": r"proto/|tests/",
    r"mpi\.h": r"worker/index/comm\.[ch]$",
    r"cblas\.h|lapacke?\.h|openblas.*": r"worker/encode/blas\.[ch]$",
    r"stb_image\.h|jpeglib\.h|jerror\.h|turbojpeg\.h": r"worker/decode/",
    r"seccomp\.h|linux/(seccomp|landlock|filter)\.h": r"worker/decode/",
    r"(stb/)?stb_image_write\.h": r"common/image/encode_image\.c$",
    r"zlib\.h": r"worker/(decode/png_walk|dataset/idx_reader)\.c$|tests/",
    r"xxhash\.h": r"common/base/checksum\.c$",
    r"archive(_entry)?\.h": r"worker/index/",
    r"jansson\.h": r"worker/index/sidecar\.c$",
    r"protobuf-c/.*|.*\.pb-c\.h": r"worker/encode/onnx_\w+\.[ch]$",
}

# Libraries that a program must not link.
LINKS = {
    "kindred": r"libmpi|libopen-|libopenblas|libblas|liblapack|libcblas",
    "kindred-coordinator": r"libmpi|libopen-|libopenblas|libblas|liblapack|libcblas",
    "kindred-worker": r"libmpi|libopen-",
    "kindred-plan": r"libmpi|libopen-|libopenblas|libblas|liblapack|libcblas",
}

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
README_LINES_MAX = 80

# Folders of data, which the README of the folder above speaks for.
NO_README = r"tests/fuzz/corpus/|tests/golden/.|\.ci/|deploy/.+/"

BINARY = r"\.(png|jpg|kin|bin|npy|gz|tar)$|tests/fuzz/corpus/|tests/golden/"

WORDS = [
    r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b",
    r"/(wor[k]|roo[t]|home/[a-z]+)/",
    r"deb\.debian\.org|registry\.npm|files\.pythonhosted|crates\.io",
]

CPPCHECK = [
    "--std=c11",  # the newest that this cppcheck knows
    "--enable=warning,performance,portability",
    "--inline-suppr",
    "--error-exitcode=0",
    "--suppress=missingIncludeSystem",
    "--library=tests/lint/cppcheck.cfg",
    "-D__x86_64__",
    "-D_GNU_SOURCE",
    "-DKIN_DECODER_TURBO",
    "-I.",
]

# (check, path): reason. Breaking a rule where the code is better for it is fine; saying why is due.
WAIVERS = {
    ("homes", "tests/bench/bench_decode.c"): "its peer is stb_image itself",
}
