"""Writes the manual page of a program from what it says of itself (`--experimental-dump-help`), in groff's man(7).

ArgumentParser's own plugin would write it, too, but builds everything once more for that.

usage: PROGRAM --experimental-dump-help | manual.py VERSION DATE "SEE ALSO" >PROGRAM.1
"""

import json
import sys


def escaped(text):
    """Text as groff prints it unchanged."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")


def paragraph(text):
    """A paragraph, one sentence after the other; no line begins with a control character."""
    return "\n".join(f"\\&{line}" if line[:1] == "." else line for line in escaped(text).splitlines() if line)


def arguments(command):
    """What is shown, without the two flags that every command has."""
    for argument in command.get("arguments", []):
        names = {name["name"] for name in argument.get("names", [])}
        if argument["shouldDisplay"] and not (command.get("superCommands") and names & {"help", "version"}):
            yield argument


def spelled(argument, is_bold):
    """An argument as it is typed."""
    bold = (lambda text: f"\\fB{text}\\fR") if is_bold else (lambda text: text)
    value = f"\\fI{escaped(argument['valueName'])}\\fR"
    if argument["kind"] == "positional":
        return value
    dashes = {"long": "--", "short": "-", "longWithSingleDash": "-"}
    names = [bold(escaped(dashes[name["kind"]] + name["name"])) for name in argument["names"]]
    return ", ".join(names) + (f" {value}" if argument["kind"] == "option" else "")


def synopsis(command):
    """A command's line."""
    words = ["\\fB" + escaped(" ".join([*command.get("superCommands", []), command["commandName"]])) + "\\fR"]
    for argument in arguments(command):
        word = spelled(argument, True).split(", ")[-1]
        word += "..." if argument["isRepeating"] else ""
        words.append(f"[{word}]" if argument["isOptional"] else word)
    if shown(command):
        words.append("\\fIcommand\\fR")
    return " ".join(words)


def shown(command):
    return [one for one in command.get("subcommands", []) if one["shouldDisplay"] and one["commandName"] != "help"]


def described(command):
    """What a command does, and its arguments."""
    for text in (command.get("abstract"), command.get("discussion")):
        if text:
            yield ".PP"
            yield paragraph(text)
    for argument in arguments(command):
        yield ".TP"
        yield spelled(argument, True)
        text = argument.get("abstract", "")
        if argument.get("allValues"):
            text += f" One of: {', '.join(argument['allValues'])}."
        if argument.get("defaultValue"):
            text += f" Default: {argument['defaultValue']}."
        yield paragraph(text) or "\\&"


def commands(command):
    """Every command below a command, depth first."""
    for one in shown(command):
        yield one
        yield from commands(one)


def page(command, version, date, also):
    name, abstract = command["commandName"], command["abstract"].rstrip(".")
    yield f'.TH {escaped(name.upper())} 1 "{date}" "{name} {version}" "User Commands"'
    yield ".SH NAME"
    yield f"{escaped(name)} \\- {escaped(abstract[:1].lower() + abstract[1:])}"
    yield ".SH SYNOPSIS"
    yield synopsis(command)
    yield ".SH DESCRIPTION"
    yield from list(described(command))[1:]
    if shown(command):
        yield ".SH COMMANDS"
    for one in commands(command):
        yield ".SS " + synopsis(one)
        yield from described(one)
    yield ".SH SEE ALSO"
    yield paragraph(also)


if __name__ == "__main__":
    version, date, also = sys.argv[1:]
    print("\n".join(page(json.load(sys.stdin)["command"], version, date, also)))
