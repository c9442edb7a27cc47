#!/usr/bin/python3
"""The kindred command as a person and a script meet it: help, exit codes, tables, JSON, TSV, sheets
(read back by Pillow and by html.parser), odd names, bad pictures, serve and its end."""
import base64
import html.parser
import io
import glob
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

from PIL import Image, ImageDraw

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from tap import BIN, ROOT, finish, ok  # noqa: E402

KINDRED = os.path.join(BIN, "kindred")
WORK = tempfile.mkdtemp(prefix="kindred-cli-")
ACCENT = (0x1F, 0x5F, 0xD6)  # of the query's frame on a sheet
PICTURES = 40
processes = []


def run(*arguments, stdin=b"", timeout=60):
    """Exit status, standard output and error of a command."""
    done = subprocess.run([KINDRED, *arguments], input=stdin, capture_output=True, timeout=timeout,
                          cwd=WORK)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def check(what, arguments, status, error="", output="", **more):
    """The command exits with status, and says what the patterns ask for. Returns its output."""
    got, out, err = run(*arguments, **more)
    fits = (got == status and re.search(error, err) and
            re.search(output.encode(), out) and "\x1b" not in err)
    ok(fits, what, f"wanted exit {status}, got {got}", out[:800], err[:800])
    return out


def in_work(*names):
    return os.path.join(WORK, *names)


def draw(path, seed, kind="PNG"):
    """A picture of a family of four that look nearly alike."""
    rng = random.Random(seed // 4)
    image = Image.new("RGB", (rng.randrange(60, 200), rng.randrange(60, 200)),
                      tuple(rng.randrange(256) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        box = sorted(rng.randrange(image.width) for _ in range(2)) + \
              sorted(rng.randrange(image.height) for _ in range(2))
        pen.ellipse((box[0], box[2], box[1], box[3]),
                    fill=tuple(rng.randrange(256) for _ in range(3)))
    pen.point((seed % 4, 0), fill=(1, 2, 3))
    image.save(path, kind)


def make_pictures():
    folder = in_work("pictures")
    os.makedirs(os.path.join(folder, "sub"))
    names = [f"sub/picture {i}.png" for i in range(PICTURES - 4)]
    names += ["<b>&\"quoted\".png", "new\nline.png", "caf\u00e9.png"]
    for i, name in enumerate(names):
        draw(os.path.join(folder, name), i)
    draw(os.path.join(os.fsencode(folder), b"not-utf8-\xff.png"), PICTURES - 1)
    with open(os.path.join(folder, "empty.png"), "wb"):
        pass
    with open(os.path.join(folder, "text.png"), "w", encoding="ascii") as out:
        out.write("this is no picture\n" * 20)
    return folder


def test_help():
    out = check("kindred alone shows the commands and is a mistake", [], 2, output="usage: kindred")
    commands = re.findall(r"^  ([a-z]+)  ", out.decode(), re.M)
    ok({"index", "search", "bucket", "info", "verify", "serve", "status", "keygen"} <=
       set(commands), "it names every command", commands)
    check("kindred help shows them too", ["help"], 0, output="usage: kindred")
    check("--version", ["--version"], 0, output=r"^kindred \d+\.\d+")
    for command in commands:
        text = run(command, "--help")[1].decode()
        lines = text.splitlines()
        ok(0 < len(lines) <= 32 and max(map(len, lines)) <= 100 and "xample" in text and
           run("help", command)[1].decode() == text,
           f"help of {command} fits one screen, has an example, and has two ways to it", text)
    for page in sorted(os.listdir(os.path.join(ROOT, "deploy/man"))):
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                               os.path.join(ROOT, "deploy/man", page)], capture_output=True,
                              check=False)
        ok(lint.returncode == 0, f"mandoc finds nothing wrong with {page}", lint.stdout)


# Options of other programs that manual pages name; --hits is what -k is, too.
OTHERS = {"kindred": {"help"}, "kindred-eval": {"keep-features"}, "kindred-index": {"help"},
          "kindred-plan": {"hits"}}


def options_of(program):
    """The options that --help of a program, and of its commands, shows."""
    def help_of(*words):
        done = subprocess.run([os.path.join(BIN, program), *words, "--help"], capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL)
        return done.stdout
    texts = [help_of()]
    if program in ("kindred", "kindred-index"):
        texts += [help_of(command) for command in re.findall(r"^  ([a-z]+)  ", texts[0], re.M)
                  if not os.path.exists(os.path.join(BIN, f"kindred-{command}"))]
    return set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", "\n".join(texts)))


def test_manual():
    """Every option of --help is in the manual page, and none is there that --help does not have."""
    for program in sorted(os.listdir(BIN)):
        with open(os.path.join(ROOT, f"deploy/man/{program}.1"), encoding="ascii") as file:
            told = set(re.findall(r"\bFl Fl ([a-z][a-z-]+)", file.read()))
        shown, others = options_of(program), OTHERS.get(program, set())
        ok(shown - others == told - others,
           f"the manual page of {program} has the options of --help, and no others",
           "not in the page: ", sorted(shown - told), "not in --help: ", sorted(told - shown))


def test_usage():
    check("a slip gets a suggestion", ["serch"], 2, "did you mean kindred search")
    check("a stranger is pointed to help", ["frobnicate"], 2, "kindred help")
    check("a path is no command", ["../bin/sh"], 2, "no command")
    check("search without arguments", ["search"], 2, "missing")
    check("search without a picture", ["search", WORK], 2, "--code")
    check("an option that is not there", ["search", "--sheeet", "x"], 2, "did you mean --sheet")
    check("-k 0", ["search", WORK, "x", "-k", "0"], 2, "^kindred: -k is '0'; .* from 1 to")
    check("an option of another command", ["bucket", WORK, "--code", "0"], 2,
          "^kindred: unknown option --code; --help lists the options\n$")
    check("an endpoint without a port", ["search", "tcp://127.0.0.1", "x", "--code", "0"], 1,
          "tcp://127.0.0.1 has no port; an endpoint is tcp://ADDRESS:PORT")
    check("--json with --tsv", ["search", WORK, "x", "--json", "--tsv"], 2, "exclude")
    check("a sheet that is neither PNG nor HTML", ["search", WORK, "x", "--sheet", "x.gif"], 2,
          r"\.png or \.html")
    check("too many questions for a sheet", ["search", WORK, *["x"] * 201, "--sheet", "x.png"], 2,
          "at most 200")
    check("no such index", ["search", in_work("nowhere"), "x"], 1, "neither the folder .* endpoint")
    check("a folder that is no index", ["search", WORK, "x"], 1, "kindred-index build")
    check("info of a folder that is no index", ["info", WORK], 1, "kindred-index build")
    check("info of an endpoint", ["info", "tcp://127.0.0.1:1"], 2, "kindred status")
    check("status where nobody answers", ["status", f"ipc://{WORK}/nobody", "--deadline", "300"],
          1, ".")
    check("serve: more replicas than workers", ["serve", WORK, "--workers", "1", "--replicas", "2"],
          2, "replicas")
    check("serve: a key without a list", ["serve", WORK, "--key", "x"], 2, "go together")


def build(name, folder, *options):
    done = subprocess.run([os.path.join(BIN, "kindred-index"), "build", "-o", in_work(name),
                           *options, folder], capture_output=True, timeout=120, check=False)
    return ok(done.returncode == 0, f"the index {name} is built", done.stderr[-800:])


def test_info():
    index = in_work("index")
    info = json.loads(check("info --json", ["info", index, "--json"], 0))
    ok(info["indexed"] == PICTURES and info["rejected"] == 2 and
       info["inputs"] == PICTURES + 2 and sum(info["rejected_by_reason"].values()) == 2,
       "every input is accounted for", info)
    shards = info["shards"]
    ok(sum(s["count"] for s in shards) == PICTURES and shards[0]["first"] == "0" * 16 and
       shards[-1]["last"] == "f" * 16 and
       all(int(a["last"], 16) + 1 == int(b["first"], 16) for a, b in zip(shards, shards[1:])),
       "shards cover the codes without gaps", shards)
    folder = in_work("index", info["generation"])
    ok(sum(os.path.getsize(os.path.join(folder, s["file"])) for s in shards) ==
       info["shard_bytes"] == sum(s["bytes"] for s in shards), "bytes are those of the files")
    ok(len(info["code"]["ones"]) == 64 and
       all(0 <= ones <= PICTURES for ones in info["code"]["ones"]), "ones of 64 bits")
    distances = info["code"]["distances"]
    ok(distances["codes"] == PICTURES and distances["pairs"] == sum(distances["at"]) ==
       PICTURES * (PICTURES - 1) // 2 and len(distances["at"]) == 65, "distances of all pairs")
    out = check("info --buckets --json", ["info", index, "--buckets", "5", "--json"], 0)
    sizes = [json.loads(line)["pictures"] for line in out.splitlines()]
    ok(sizes == sorted(sizes, reverse=True) and all(size > 1 for size in sizes) and
       (not sizes or sizes[0] == info["code"]["largest_bucket"]), "the largest buckets", out)
    check("--buckets with --rejected", ["info", index, "--buckets", "5", "--rejected"], 2,
          "exclude")
    check("info", ["info", index], 0, output=r"indexed +40\n +rejected +2\n")
    out = check("info --rejected --json", ["info", index, "--rejected", "--json"], 0)
    rows = [json.loads(line) for line in out.splitlines()]
    ok({os.path.basename(r["key"]): r["reason"] for r in rows} ==
       {"empty.png": "empty", "text.png": "not-an-image"}, "the ledger names both rejected inputs",
       rows)
    check("info --rejected", ["info", index, "--rejected"], 0, output=r"^empty\t.*empty\.png\t")
    check("info --generations", ["info", index, "--generations"], 0,
          output=r"\* generation-000001 +40 pictures")


def key_of(hit):
    return bytes.fromhex(hit["key_hex"]) if "key_hex" in hit else hit["key"].encode()


def unescape(cell):
    """The inverse of the escapes of TSV cells."""
    table = {b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
    return re.sub(rb"\\(x[0-9a-f]{2}|.)", lambda m: table.get(m[1]) or bytes.fromhex(m[1][1:].decode()),
                  cell)


def test_search(endpoint, pictures):
    first, odd = os.path.join(pictures, "sub/picture 0.png"), os.path.join(pictures, "new\nline.png")
    answers = [json.loads(line) for line in
               check("search --json", ["search", endpoint, first, odd, "-k", "40", "--json"],
                     0).splitlines()]
    ok(len(answers) == 2 and answers[0]["query"] == first and answers[1]["query"] == odd,
       "one object a query and line")
    for answer in answers:
        order = [(hit["distance"], hit["id"]) for hit in answer["hits"]]
        ok(len(order) == PICTURES and order == sorted(order) and
           len({hit["id"] for hit in answer["hits"]}) == PICTURES and
           answer["coverage"]["shards"] == answer["coverage"]["answered"] > 0,
           "all pictures in order, each once", order)
    keys = {key_of(hit) for hit in answers[0]["hits"]}
    ok(any(b"not-utf8-\xff.png" in key for key in keys) and
       any(key.endswith(b"new\nline.png") for key in keys), "odd names come back whole")
    ok(any(key_of(hit).endswith(b"picture 0.png") and hit["distance"] == 0
           for hit in answers[0]["hits"]), "a picture finds itself at distance 0")

    rows = check("search --tsv", ["search", endpoint, first, "-k", "40", "--tsv"],
                 0).rstrip(b"\n").split(b"\n")
    ok(rows[0] == b"query\trank\tdistance\tid\tkey" and
       [(int(r.split(b"\t")[3]), unescape(r.split(b"\t")[4])) for r in rows[1:]] ==
       [(hit["id"], key_of(hit)) for hit in answers[0]["hits"]], "TSV says the same as JSON", rows)
    table = check("search as a table", ["search", endpoint, odd, "-k", "40"], 0,
                  output=r"rank +distance +id +key")
    ok(all(byte >= 32 or byte == 10 for byte in table) and len(table.splitlines()) == PICTURES + 2,
       "a table has one line a hit and no control character", table)

    code = answers[0]["code"]
    by_code = json.loads(check("search --code", ["search", endpoint, "--code", code, "-k", "40",
                                                 "--json"], 0))
    ok(by_code["hits"] == answers[0]["hits"], "a code finds what its picture finds")
    with open(first, "rb") as file:
        data = file.read()
    piped = json.loads(check("search -", ["search", endpoint, "-", "-k", "40", "--json"], 0,
                             stdin=data))
    ok(piped["hits"] == answers[0]["hits"], "so does standard input")
    private = json.loads(check("search INDEX", ["search", in_work("index"), first, "-k", "40",
                                                "--json"], 0))
    ok(private["hits"] == answers[0]["hits"], "so does the index served privately")
    radius = answers[0]["hits"][20]["distance"]
    inside = [hit for hit in answers[0]["hits"] if hit["distance"] <= radius]
    near = json.loads(check("search --within", ["search", endpoint, first, "--within", str(radius),
                                                "--json"], 0))
    ok(near["hits"] == inside and near["total"] == len(inside), "within a radius: all, counted")
    few = json.loads(run("search", endpoint, first, "--within", str(radius), "-k", "3",
                         "--json")[1])
    ok(few["hits"] == inside[:3] and few["total"] == len(inside), "-k cuts them, the count stays")
    bucket = json.loads(check("bucket", ["bucket", endpoint, code, "--json"], 0))
    ok(bucket["hits"] == [hit for hit in answers[0]["hits"] if hit["distance"] == 0],
       "a bucket is what lies at distance 0")
    ok(json.loads(run("bucket", endpoint, first, "--json")[1])["hits"] == bucket["hits"],
       "a bucket by picture is the same")


def test_bad_questions(endpoint, pictures):
    good = os.path.join(pictures, "sub/picture 1.png")
    bad = os.path.join(pictures, "text.png")
    out = check("a bad picture is named, the others are answered",
                ["search", endpoint, bad, good, "--json"], 1, "text.png")
    ok(json.loads(out)["query"] == good, "one line, of the good one", out)
    check("a folder", ["search", endpoint, pictures], 1, "is a folder")
    check("a missing file", ["search", endpoint, in_work("no.png")], 1, "No such file")
    check("an empty file", ["search", endpoint, os.path.join(pictures, "empty.png")], 1, "is empty")
    os.mkfifo(in_work("fifo"))
    check("a FIFO does not hang", ["search", endpoint, in_work("fifo")], 1, "regular file",
          timeout=20)
    check("standard input without a byte", ["search", endpoint, "-"], 1, "is empty")
    check("a code of another width", ["search", endpoint, "--code", "abc"], 2, "16 hexadecimal")
    check("a code with a letter too far", ["search", endpoint, "--code", "x" * 16], 2, "0-9 and a-f")
    check("a bucket of a short code", ["bucket", endpoint, "abc"], 2, "16 hexadecimal")


class Page(html.parser.HTMLParser):
    """Figures of a sheet, and what would be fetched."""

    def __init__(self, text):
        super().__init__()
        self.titles, self.images, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        attributes = dict(attrs)
        if tag == "figure":
            self.titles.append(attributes["title"])
        if tag == "img":
            self.images.append(attributes["src"])


def test_sheets(endpoint, pictures):
    names = [os.path.join(pictures, name) for name in ("sub/picture 0.png", "sub/picture 8.png")]
    check("a PNG sheet", ["search", endpoint, *names, "-k", "6", "--sheet", in_work("s.png")], 0,
          "s.png")
    one, many = in_work("one.png"), in_work("many.png")
    run("search", endpoint, names[0], "-k", "6", "--sheet", one)
    run("search", endpoint, names[0], "-k", "40", "--sheet", many)
    with Image.open(in_work("s.png")) as two_rows, Image.open(one) as row, \
            Image.open(many) as wrapped:
        two_rows.load()
        ok(two_rows.width == row.width > row.height and two_rows.height > 1.5 * row.height,
           "a query is a row", two_rows.size, row.size)
        ok(wrapped.height > 2.5 * row.height, "many hits wrap", wrapped.size)
        colours = dict((colour, count) for count, colour in two_rows.getcolors(1 << 24))
        ok(colours.get(ACCENT, 0) > 1000 and len(colours) > 100, "queries have their frame")
    again = in_work("again.png")
    run("search", endpoint, *names, "-k", "6", "--sheet", again)
    with open(in_work("s.png"), "rb") as a, open(again, "rb") as b:
        ok(a.read() == b.read(), "the same questions draw the same bytes")

    check("an HTML sheet", ["search", endpoint, *names, "-k", "40", "--sheet", in_work("s.html")], 0)
    with open(in_work("s.html"), encoding="utf-8") as file:
        text = file.read()
    page = Page(text)
    ok(len(page.titles) == len(page.images) == 2 * (PICTURES + 1), "every tile has its picture",
       len(page.titles), len(page.images))
    ok(not page.tags & {"script", "link", "iframe", "b&"} and
       all(src.startswith("data:image/jpeg;base64,") for src in page.images) and
       "http" not in text, "nothing is fetched, nothing runs", page.tags)
    sizes = set()
    for source in page.images:
        with Image.open(io.BytesIO(base64.b64decode(source.split(",")[1], validate=True))) as image:
            image.load()
            sizes.add(max(image.size))
    ok(max(sizes) <= 192, "thumbnails are JPEG of a decent size", sizes)
    ok(any("<b>&\"quoted\".png\ndistance" in title for title in page.titles) and
       any(re.search(r"picture 0\.png\ncode [0-9a-f]{16}$", title) for title in page.titles),
       "titles carry key, distance, id, code", page.titles[:3])
    check("a sheet where there is no folder",
          ["search", endpoint, names[0], "--sheet", in_work("no/where.png")], 1, "cannot create")
    check("a sheet of a bucket", ["bucket", endpoint, names[0], "--sheet", in_work("b.png")], 0)
    if build("bare", pictures, "--thumbnail", "0"):
        check("a sheet without thumbnails", ["search", in_work("bare"), names[0], "--sheet",
                                             in_work("bare.png")], 0)
        with Image.open(in_work("bare.png")) as image:
            ok(image.width > 500, "has empty tiles instead", image.size)


def processes_of_this_test():
    """Process ids by program, of all whose arguments name our folder."""
    found = {}
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                arguments = file.read().split(b"\0")
            with open(f"/proc/{name}/stat", "rb") as file:
                zombie = file.read().rsplit(b")", 1)[1].split()[0] == b"Z"
        except (OSError, ValueError):
            continue
        if name.isdigit() and not zombie and any(WORK.encode() in word for word in arguments[1:]):
            found.setdefault(os.path.basename(arguments[0].decode()), []).append(int(name))
    return found


def serve(endpoint, *options):
    """Starts kindred serve and waits until it says that it serves."""
    server = subprocess.Popen([KINDRED, "serve", in_work("index"), "--endpoint", endpoint, *options],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=WORK)
    processes.append(server)
    said = b""
    while b"Ctrl-C" not in said:
        line = server.stdout.readline()
        if not line:
            return server, said + server.stderr.read()
        said += line
    return server, said


def test_serve_and_stop(pictures):
    endpoint = f"ipc://{WORK}/cluster"
    server, said = serve(endpoint, "--workers", "2")
    if not ok(re.search(rb"^serving .*: 40 pictures, 64 bits, .* on 2 workers", said) and
              endpoint.encode() in said, "serve says what it serves and how to ask", said):
        return
    status = json.loads(check("status --json", ["status", endpoint, "--json"], 0))
    ok(isinstance(status, dict) and status, "status is one object", status)
    check("status", ["status", endpoint], 0, output=r"\w+: ")
    test_search(endpoint, pictures)
    test_bad_questions(endpoint, pictures)
    test_sheets(endpoint, pictures)
    server.send_signal(signal.SIGINT)
    ok(server.wait(timeout=30) == 0, "Ctrl-C ends it with 0", server.returncode)
    time.sleep(0.2)
    ok(not processes_of_this_test(), "and leaves no process", processes_of_this_test())


def test_partial():
    """A damaged shard is refused by every worker: its answer is refused too, or taken and marked."""
    damaged = in_work("damaged")
    shutil.copytree(in_work("index"), damaged)
    shard = glob.glob(f"{damaged}/generation-*/shard-0001.kin")[0]
    with open(shard, "r+b") as file:
        file.seek(4096 + 64)  # behind the header: codes and ids are near
        byte = file.read(1)
        file.seek(4096 + 64)
        file.write(bytes([byte[0] ^ 1]))
    question = ["search", damaged, "--code", "0" * 16, "--json"]
    got, out, err = run(*question, "--allow-partial")
    ok(got == 3 and "shards answered" in err, "a partial answer exits with 3", got, out[:300], err)
    coverage = json.loads(out)["coverage"] if out else {"answered": 0, "shards": 0}
    ok(0 < coverage["answered"] < coverage["shards"], "and says what it covers", coverage)
    check("unless allowed it is refused, by the name of the shard", question, 1, "shard-0001.kin")


def test_keygen():
    path = in_work("my.key")
    out = check("keygen", ["keygen", path], 0, output=r"^public key \S{40}, in ")
    if not ok(os.path.exists(path) and os.path.exists(path + ".pub"), "makes two files"):
        return
    public = out.split()[2].rstrip(b",")
    ok(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "the pair is for its owner only")
    with open(path + ".pub", "rb") as file:
        given = file.read()
    with open(path, "rb") as file:
        pair = file.read()
    ok(public in given and public in pair and b"secret" in pair and b"secret-key" not in given,
       "the public file holds no secret", given)
    check("a key is never overwritten", ["keygen", path], 1, "my.key")
    with open(path, "rb") as file:
        ok(file.read() == pair, "and is as it was")


def main():
    try:
        test_help()
        test_manual()
        test_usage()
        test_keygen()
        pictures = make_pictures()
        if build("index", pictures):
            test_info()
            test_serve_and_stop(pictures)
            test_partial()
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=30)
        shutil.rmtree(WORK, ignore_errors=True)
    finish()


if __name__ == "__main__":
    main()
