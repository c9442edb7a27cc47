#!/usr/bin/python3
"""Writes tests/fuzz/corpus/{walk,message}: a message of every type, and hostile ones."""
import os

import msgpack

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE = bytes(range(8))
HITS = [[7, 3, 0, 1, b"a/cat.jpg"], [9, 3, 1, 0, b"\xff\xfe"]]
MESSAGES = {
    "search_code": dict(type="search", request=1, code=CODE, k=12, within=9, partial=True),
    "search_picture": dict(type="search", request=2, picture=b"\x89PNG", thumbnail=96, deadline=500),
    "hits": dict(type="hits", request=1, hits=HITS, code=CODE, bits=64, missing=[3], total=2,
                 images=[[1, 2, b"rgbrgb"]], generation="generation-000001", **{"shard-total": 4}),
    "search_all": dict(type="search", request=1, code=CODE, k=3, within=2, histogram=True,
                       exhaustive=True, **{"any-ties": True}),
    "hits_certified": dict(type="hits", request=1, hits=HITS, code=CODE, bits=64, missing=[],
                           images=[], generation="generation-000001", radius=3, pruned=2,
                           fingerprint=bytes(16), counts=[0, 1, 2 ** 40],
                           **{"shard-total": 4, "any-ties": True}),
    "batch": dict(type="batch", request=2, codes=CODE * 3, k=2, within=9, shards=[0, 1],
                  deadline=100),
    "ranked": dict(type="ranked", request=2, ranked=bytes(16) + b"\xff" * 16),
    "found_counts": dict(type="found", request=6, totals=[[0, 2]], hits=HITS, counts=[1, 2, 3]),
    "thumbnails": dict(type="thumbnails", request=3, rows=[[0, 1], [1, 2 ** 40]], rgb=True),
    "images": dict(type="images", request=3, images=[[0, 0, b"\xff\xd8"], [0, 0, b""]]),
    "classify": dict(type="classify", request=9, picture=b"BM", k=3, deadline=100),
    "classes": dict(type="classes", request=9, classes=[[b"cat", 900000000], [b"\xff", 1000000]],
                    total=10, generation="g", fingerprint=bytes(16)),
    "code_classes": dict(type="code", request=8, code=CODE, images=[], total=2,
                         classes=[[b"dog", 10 ** 9]]),
    "classes_too_sure": dict(type="classes", request=9, classes=[[b"cat", 10 ** 9 + 1]],
                             generation="g"),
    "status": dict(type="status", request=4),
    "report": dict(type="report", request=4, bits=64, report="{}", generation="g",
                   **{"shard-total": 1}),
    "error": dict(type="error", request=5, status="bad-input", text="not-an-image: no"),
    "scan": dict(type="scan", request=6, code=CODE, k=5, shards=[0, 2], deadline=100),
    "found": dict(type="found", request=6, totals=[[0, 2], [2, 0]], hits=HITS),
    "encode": dict(type="encode", request=8, picture=b"GIF89a", deadline=100, thumbnail=64),
    "code": dict(type="code", request=8, code=CODE, images=[]),
    "search_rerank": dict(type="search", request=2, picture=b"\x89PNG", k=2, rerank=1000),
    "encode_values": dict(type="encode", request=8, picture=b"GIF89a", deadline=100, rerank=3),
    "code_values": dict(type="code", request=8, code=CODE, images=[], values=bytes(range(128))),
    "score": dict(type="score", request=9, values=bytes(128), places=bytes(24), deadline=100),
    "scored": dict(type="scored", request=9, scores=bytes(8)),
    "hits_reranked": dict(type="hits", request=2, hits=HITS, code=CODE, bits=64, missing=[],
                          images=[], generation="g", rerank=1000, scores=bytes(4),
                          **{"shard-total": 4}),
    "hello": dict(type="hello", name="h:1", host="h", pid=1, threads=2, generation="g",
                  manifest=bytes(16), encodes=True),
    "assign": dict(type="assign", shards=[0, 1], beat=250, patience=2000),
    "ready": dict(type="ready", opened=[[0, b""], [1, b"shard-0001.kin: damaged"]]),
    "beat": dict(type="beat"),
    "register": dict(type="register"),
    "bye": dict(type="bye"),
}
HOSTILE = {
    "map32_8gb": b"\xdf\xff\xff\xff\xff",
    "array32": b"\xdd\x7f\xff\xff\xff\xc0",
    "bin32": b"\xc6\xff\xff\xff\xff",
    "str32": b"\xdb\x80\x00\x00\x00",
    "deep": b"\x91" * 9 + b"\xc0",
    "deep_enough": b"\x91" * 8 + b"\xc0",
    "ext": b"\xd4\x01\x00",
    "reserved": b"\xc1",
    "not_utf8": b"\xa2\xc3\x28",
    "behind": b"\xc0\xc0",
    "cut_number": b"\xcf\x00\x00",
    "all_kinds": msgpack.packb([None, True, -1, -2 ** 40, 1.5, 2 ** 63, "x" * 40, b"y" * 300,
                                "z" * 300, list(range(20)), {i: i for i in range(20)}]),
}


def write(folder, name, data):
    path = os.path.join(ROOT, "tests/fuzz/corpus", folder)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name), "wb") as file:
        file.write(data)


def main():
    for name, fields in MESSAGES.items():
        write("message", name, msgpack.packb(dict(fields, version=1), use_bin_type=True))
    write("message", "version_2", msgpack.packb({"type": "beat", "version": 2}))
    write("message", "wrong_kind", msgpack.packb(dict(MESSAGES["scan"], version=1, shards={})))
    write("message", "no_map", b"\x93\x01\x02\x03")
    for name, data in HOSTILE.items():
        write("walk", name, data)


if __name__ == "__main__":
    main()
