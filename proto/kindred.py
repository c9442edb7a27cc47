"""A client of Kindred, from proto/PROTOCOL.md with pyzmq and msgpack.

    from kindred import Client
    with Client("tcp://127.0.0.1:7700") as client:
        answer = client.search(picture=open("cat.jpg", "rb").read(), k=12)
        for hit in answer.hits:
            print(hit.distance, hit.key)
"""
import collections
import itertools
import json
import struct
import time

import msgpack
import zmq

VERSION = 1

Hit = collections.namedtuple("Hit", "id distance shard row key")
Answer = collections.namedtuple(
    "Answer", "hits total code bits generation shard_total missing thumbnail fingerprint radius pruned "
              "any_ties histogram rerank scores")
Image = collections.namedtuple("Image", "width height data")


class Error(Exception):
    """What the coordinator refused: status is a stable word, the text a sentence."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def _present(fields):
    return {key: value for key, value in fields.items() if value is not None}


class Client:
    """One connection; one thread. keys: (public, secret) of this client, as bytes of Z85."""

    def __init__(self, endpoint, keys=None, server_key=None, seconds=10.0):
        self.seconds = seconds
        self._numbers = itertools.count(1)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        if keys:
            self._socket.curve_publickey, self._socket.curve_secretkey = keys
            self._socket.curve_serverkey = server_key
        self._socket.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()
        self._context.term()

    def send(self, kind, **fields):
        """Sends a question and returns its number; several may be under way at once."""
        request = next(self._numbers)
        message = {"type": kind, "version": VERSION, "request": request, **_present(fields)}
        self._socket.send(msgpack.packb(message, use_bin_type=True))
        return request

    def receive(self, seconds=None):
        """The next reply there is, as a dict; TimeoutError if none comes."""
        if not self._socket.poll(int(1000 * (self.seconds if seconds is None else seconds))):
            raise TimeoutError("no answer")
        return msgpack.unpackb(self._socket.recv(), raw=False, strict_map_key=False,
                               max_array_len=1 << 20)

    def ask(self, kind, wanted, **fields):
        """One question, and its reply."""
        request = self.send(kind, **fields)
        end = time.monotonic() + self.seconds
        while True:
            reply = self.receive(max(0.0, end - time.monotonic()))
            if reply.get("request") != request:
                continue  # of a question that was given up
            if reply["type"] == "error":
                raise Error(reply["status"], reply["text"])
            if reply["type"] != wanted:
                raise Error("corrupt", f"a {reply['type']} instead of {wanted}")
            return reply

    def search(self, code=None, picture=None, k=None, within=None, partial=None, thumbnail=None,
               any_ties=None, histogram=None, exhaustive=None, rerank=None):
        """The k nearest to a code (bytes) or to a picture (bytes of its file); of a picture, the first
        `rerank` are put in order by the values that the index keeps: scores has 1 - cosine of these."""
        reply = self.ask("search", "hits", code=code, picture=picture, k=k, within=within,
                         partial=partial, thumbnail=thumbnail, histogram=histogram,
                         exhaustive=exhaustive, rerank=rerank, deadline=max(1, int(1000 * self.seconds)),
                         **{"any-ties": any_ties})
        if rerank and reply.get("rerank") != rerank:
            raise Error("mismatch", "the coordinator does not re-rank: it is older than this client")
        images = [Image(*image) for image in reply.get("images", [])]
        scores = [score / 2**30 for (score,) in struct.iter_unpack("<I", reply.get("scores", b""))]
        return Answer([Hit(*hit) for hit in reply["hits"]], reply.get("total", 0), reply["code"],
                      reply["bits"], reply["generation"], reply["shard-total"],
                      reply.get("missing", []), images[0] if images else None,
                      reply.get("fingerprint"), reply.get("radius"), reply.get("pruned", 0),
                      reply.get("any-ties", False), reply.get("counts"), reply.get("rerank", 0),
                      scores)

    def batch(self, codes, k, within=None, any_ties=None, exhaustive=None):
        """The k nearest to each of codes (bytes, one behind the other): a list a code of (id,
        distance, shard)."""
        reply = self.ask("batch", "ranked", codes=codes, k=k, within=within, exhaustive=exhaustive,
                         deadline=max(1, int(1000 * self.seconds)), **{"any-ties": any_ties})
        hits = list(struct.iter_unpack("<QII", reply["ranked"]))
        return [[hit for hit in hits[i:i + k] if hit[1] != 0xffffffff]
                for i in range(0, len(hits), k)]

    def thumbnails(self, hits, rgb=None, generation=None):
        """Images of hits, in their order; data is empty where none is stored."""
        images = []
        for start in range(0, len(hits), 64):
            rows = [[hit.shard, hit.row] for hit in hits[start:start + 64]]
            reply = self.ask("thumbnails", "images", rows=rows, rgb=rgb, generation=generation)
            images += [Image(*image) for image in reply["images"]]
        return images

    def classify(self, picture, k=None):
        """The k most probable classes of a picture (bytes of its file): (name, probability)."""
        reply = self.ask("classify", "classes", picture=picture, k=k,
                         deadline=max(1, int(1000 * self.seconds)))
        return [(name.decode("utf-8", "replace"), billionths / 1e9)
                for name, billionths in reply["classes"]]

    def status(self):
        """What the cluster says of itself, as a dict."""
        return json.loads(self.ask("status", "report")["report"])
