"""Programs under Valgrind's callgrind, and what its files say."""

import collections
import re
import subprocess

import measure


class Callgrind:
    """A program under callgrind, as `measure.Process` and its like start it with `prefix`."""

    def __init__(self, work, name):
        self._name, self._work = name, work
        self._output = work / f"{name}.callgrind"
        self._pipes = work / f"{name}.vgdb"
        self._count = 0
        self.prefix = [
            "valgrind", "--tool=callgrind", f"--vgdb-prefix={self._pipes}", f"--callgrind-out-file={self._output}"]

    def read(self, process):
        """The instructions since the last call, and the file that has the profile of them."""
        subprocess.run(
            ["vgdb", f"--vgdb-prefix={self._pipes}", f"--pid={process.pid}", "dump"], check=True, capture_output=True,
            timeout=120)
        self._count += 1
        file = self._output.with_name(f"{self._output.name}.{self._count}")
        return int(re.search(r"^(?:totals|summary): (\d+)", file.read_text(), re.M)[1]), file


class Profile:
    """Instructions by function, `LIBRARY SYMBOL`.

    callgrind_annotate counts calls that began before the profile did as the callers' own instructions.
    """

    def __init__(self, file):
        self.own = collections.Counter()
        # With all that they call; too much for functions that call themselves by way of others.
        self.all = collections.Counter()
        # By function, then by caller.
        self.callers = collections.defaultdict(collections.Counter)
        names = {}

        def name(kind, text):
            """`(3) NAME` is a name for the first time, `(3)` the same one again."""
            number, _, given = text.partition(" ")
            if given:
                names[kind, number] = given
            return names[kind, number]

        library = function = called_library = called = None
        is_call = False
        for line in open(file):
            key, _, value = line.rstrip("\n").partition("=")
            if key == "ob":
                library = called_library = name("ob", value)
            elif key == "cob":
                called_library = name("ob", value)
            elif key == "fn":
                function = _place(library, name("fn", value))
            elif key == "cfn":
                called = _place(called_library, name("fn", value))
                called_library = library
            elif key == "calls":
                is_call = True
            elif line[0].isdigit() or line[0] in "+-*":
                cost = int(line.split()[-1])
                self.all[function] += cost
                if is_call:
                    self.callers[called][function] += cost
                else:
                    self.own[function] += cost
                is_call = False

    def summary(self, requests, lines=120):
        """The parts, the functions that take most by themselves and who calls them, and those with all they call."""
        text = ["Instructions of a request by part, which is where the function is that executes them", ""]
        text += [f"{count / requests:10.0f}  {part}" for part, count in measure.by_part(
            (count, place) for place, count in self.own.items()).items()]
        text += ["", "Functions by themselves, and up to four callers with what these calls take in all", ""]
        for place, count in self.own.most_common(lines):
            text.append(f"{count / requests:10.0f}  {place}")
            text += [f"{called / requests:22.0f}  from {caller}"
                     for caller, called in self.callers[place].most_common(4)]
        text += ["", "Functions with all that they call", ""]
        text += [f"{count / requests:10.0f}  {place}" for place, count in self.all.most_common(4 * lines)]
        return subprocess.run(
            ["swift", "demangle", "--simplified"], check=True, capture_output=True, text=True, input="\n".join(text),
            timeout=60).stdout


def _place(library, symbol):
    return f"{library.rpartition('/')[2]} {symbol}"
