#!/usr/bin/python3
"""The lint itself: each of its checks finds a breach that is planted in a copy of the tree."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rules  # noqa: E402
from tap import ROOT, finish, ok  # noqa: E402


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def function_of(lines):
    return "void kin_long(void);\nvoid kin_long(void)\n{\n" + "    ;\n" * lines + "}\n"


def link_program(path, libraries):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["gcc", "-x", "c", "-", "-o", path, "-Wl,--no-as-needed", *libraries],
                   input="int main(void) { return 0; }", text=True, check=True)


PLANTS = [
    # check, what, file, contents, words of the breach
    ("layers", "an include against the layers", "common/base/plant.c",
     '#include "worker/search/search.h"\n', "common/base may not include worker/search"),
    ("layers", "a folder that the table does not list", "worker/extra/plant.c", "\n",
     "not in the layer table"),
    ("layers", "an include that is no path from the root", "worker/search/plant.c",
     '#include "search.h"\n', "no path from the root"),
    ("homes", "zmq.h outside its home", "worker/serve/plant.c", "#include <zmq.h>\n", "belongs to"),
    ("homes", "mpi.h outside its home", "worker/train/plant.c", "#include <mpi.h>\n", "belongs to"),
    ("homes", "stb_image.h outside its home", "common/image/plant.c",
     "#include <stb_image.h>\n", "belongs to"),
    ("sizes", "a file of 501 lines", "common/base/plant.c", "\n" * 501, "501 lines"),
    ("sizes", "a function of 71 lines", "common/base/plant.c", function_of(71), "71 lines"),
    ("sizes", "a line of 101 columns", "common/base/plant.c", "/" * 101 + "\n", "101 columns"),
    ("names", "two files of one name", "worker/train/bytes.h", "\n", "same name"),
    ("readmes", "a folder without a README", "worker/extra/plant.c", "\n", "no README.md"),
    ("words", "a mark of unfinished work", "common/base/plant.c", "/* TO" + "DO */\n", "TO" + "DO"),
    ("format", "a line that clang-format would change", "common/base/plant.c",
     "int  a ;\n", "common/base/plant.c"),
    ("cppcheck", "a fault that cppcheck sees", "common/base/plant.c",
     "int kin_plant(void);\nint kin_plant(void)\n{\n    int a[2] = {0, 0};\n    return a[3];\n}\n",
     "common/base/plant.c"),
]


def lint(tree, check):
    done = subprocess.run([sys.executable, os.path.join(tree, "tests/lint/lint"), "--root", tree,
                           check], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def plant(tree, check, what, path, contents, words):
    full = os.path.join(tree, path)
    before = None
    if os.path.exists(full):
        with open(full, encoding="utf-8") as file:
            before = file.read()
    write(full, contents)
    code, output = lint(tree, check)
    found = [line for line in output.split("\n") if words in line]
    ok(code == 1 and found, f"{check} finds {what}", output)
    os.remove(full)
    if before is not None:
        write(full, before)


def small_tree(folder):
    """A few real folders: enough for every check, and quick for the slow ones."""
    for name in ("common", "worker/search", "tests/lint"):
        shutil.copytree(os.path.join(ROOT, name), os.path.join(folder, name))
    for name in (".clang-format", "README.md", "tests/README.md", "worker/README.md"):
        if os.path.exists(os.path.join(ROOT, name)):
            shutil.copy(os.path.join(ROOT, name), os.path.join(folder, name))
    subprocess.run(["git", "init", "-q", folder], check=True)


def main():
    with tempfile.TemporaryDirectory() as tree:
        small_tree(tree)
        for check in ("layers", "homes", "sizes", "names", "readmes", "words", "format", "cppcheck"):
            code, output = lint(tree, check)
            ok(code == 0, f"{check} has nothing to say of the tree as it is", output)
        for row in PLANTS:
            plant(tree, *row)
        for program, library in (("kindred", "-lopenblas"), ("kindred-coordinator", "-lmpi"),
                                 ("kindred-worker", "-lmpi")):
            for name in rules.LINKS:
                link_program(os.path.join(tree, "build/bin", name), [])
            ok(lint(tree, "links")[0] == 0, f"links has nothing to say of a lean {program}")
            mpi = subprocess.run(["pkg-config", "--libs-only-L", "ompi-c"], capture_output=True,
                                 text=True, check=True).stdout.split()
            link_program(os.path.join(tree, "build/bin", program), [*mpi, library])
            code, output = lint(tree, "links")
            ok(code == 1 and f"bin/{program}:0: links" in output,
               f"links finds {library} in {program}", output)
    finish()


main()
