#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares restride's public names with nvImageCodec's, and writes docs/api-compatibility.md.

usage: scripts/api_compatibility.py [--wheel PYTHON]... [--check]

--wheel: an interpreter whose environment has nvidia-nvimgcodec (give one for each version): its names, signatures and values
are read and kept in python/tests/data/nvimgcodec_api.json. Without --wheel the kept ones are used. Needs restride importable.
--check: writes nothing; exits with 1 where the page differs from what would be written, or a name is missing without a reason.
"""

import argparse
import inspect
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FACTS = ROOT / "python" / "tests" / "data" / "nvimgcodec_api.json"
PAGE = ROOT / "docs" / "api-compatibility.md"

# Where ours does more than the name says there. "Class", "Class.member" or "function".
BETTER = {
    "CodeStream": "also open binary files; a missing file is a FileNotFoundError with its name (and still a RuntimeError)",
    "CodeStream.size": "known before headers are parsed, also for data that is no picture; 0 before anything was encoded",
    "CodeStream.num_images": "reasons and byte offsets behind the same text",
    "CodeStream.chroma_subsampling": "WebP says 4:2:0 where its pixels are stored so",
    "CodeStream.get_sub_code_stream": "both keyword sets; errors say why; a view of a region's view shows that region",
    "DecodeParams": "also reduce, fit_within, max_pixels, max_memory, color_managed",
    "Decoder": "works without a GPU and without a driver; one object for many threads; on_error; errors",
    "Decoder.decode": "also a whole batch into one array (out=); None in place, with a warning that says why",
    "Decoder.read": "as decode",
    "Decoder.get_metadata": "EXIF, ICC and XMP of JPEG, PNG, WebP, JP2 and TIFF, ICC of BMP; an empty list where there is nothing",
    "EncodeParams": "also tiff_compression, metadata",
    "Encoder": "works without a GPU and without a driver; one object for many threads; on_error; errors",
    "Encoder.encode": "HTJ2K and tiles on the CPU; codec names in any case; None in place, with a warning that says why",
    "Encoder.write": "extensions in any case; an unknown one is an error instead of a JPEG; a file is complete or not there",
    "Image": "Image() makes an empty one to decode into",
    "Image.__array_interface__": "the error is an AttributeError too, so that hasattr says no",
    "Image.__cuda_array_interface__": "the error is an AttributeError too, so that hasattr says no",
    "MetadataKind": "also XMP = 11",
    "MetadataKind.EXIF": "given, where it is reserved there",
    "Backend": "kinds are taken as integers too",
    "as_image": "without a copy of arrays in host memory, also without a GPU; more sample types",
    "from_dlpack": "host memory too",
}
# Names that are not there, and why.
ABSENT: dict[str, str] = {}
INTERNAL = {"__enter__", "__exit__", "__repr__"}


def introspect() -> dict[str, object]:
    """Runs where nvImageCodec is installed."""
    from nvidia import nvimgcodec as module  # type: ignore[import-not-found]

    prefix = re.compile(r"nvidia\.nvimgcodec\.nvimgcodec_impl\.")

    def signatures(function: object, name: str) -> list[str]:
        lines = [re.sub(r"^\d+\. ", "", line.strip()) for line in (function.__doc__ or "").split("\n")]
        return [prefix.sub("", s) for s in lines if s.startswith(name + "(") and "*args, **kwargs" not in s]

    kept = ("__init__", "__enter__", "__exit__", "__array__", "__dlpack__", "__dlpack_device__", "__array_interface__",
            "__cuda_array_interface__", "__repr__")  # fmt: skip
    found: dict[str, object] = {}
    for name in sorted(n for n in dir(module) if not n.startswith("_") or n in ("__version__", "__cuda_version__", "__git_sha__")):
        value = getattr(module, name)
        if inspect.ismodule(value):
            continue
        if inspect.isclass(value):
            members = getattr(value, "__members__", {})
            if members:
                found[name] = {"enum": {m: int(v) for m, v in members.items()}}
                continue
            shape = {}
            for m in sorted(m for m in dir(value) if not m.startswith("_") or m in kept):
                member = getattr(value, m)
                shape[m] = signatures(member, m) if callable(member) else "property"
            found[name] = {"class": shape}
        elif callable(value):
            found[name] = {"function": signatures(value, name)}
        else:
            found[name] = {"value": value if isinstance(value, str) else int(value)}
    return found


def read_facts(wheels: list[str]) -> dict[str, dict[str, dict]]:
    """{version: {name: what it is}}"""
    if not wheels:
        return json.loads(FACTS.read_text())
    facts = {}
    for python in wheels:
        out = subprocess.run([python, __file__, "--introspect"], capture_output=True, text=True, check=True).stdout
        names = json.loads(out[out.index("{") :])
        facts[names["__version__"]["value"]] = names
    FACTS.write_text(json.dumps(facts, indent=0, sort_keys=True) + "\n")
    return facts


def arguments(signature: str) -> list[tuple[str, str | None]]:
    """Names and defaults (as written) of a signature's arguments, without self."""
    inside = signature[signature.index("(") + 1 : signature.rindex(")")].split(") ->")[0]
    parts, depth, current = [], 0, ""
    for c in inside:
        depth += (c in "([{<") - (c in ")]}>")
        if c == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += c
    parts.append(current)
    out = []
    for part in (p.strip() for p in parts):
        if part in ("", "*", "/") or part.startswith("self"):
            continue
        default = part.partition(" = ")[2] or None
        out.append((part.partition(":")[0].partition(" =")[0].strip(), default))
    return out


# Arguments that Python's own signature does not show: constructors with several forms.
FORMS = {
    "Region.__init__": {"start_y", "start_x", "end_y", "end_x", "start", "end", "out_of_bounds_sample", "out_of_bounds_samples"},
}


def missing_arguments(ours: object, owner: str, signatures: list[str]) -> list[str]:
    if owner in FORMS:
        accepted = FORMS[owner]
    else:
        accepted = set(inspect.signature(ours).parameters)  # type: ignore[arg-type]
    return sorted({name for s in signatures for name, _ in arguments(s) if name not in accepted})


def rows(facts: dict[str, dict[str, dict]]) -> list[tuple[str, str, str, str]]:
    """(name, versions, verdict, remark) of every public name."""
    import restride

    versions = sorted(facts, reverse=True)
    out = []

    def add(name: str, present: bool, problem: str, seen: list[str]) -> None:
        if not present or problem:
            reason = ABSENT.get(name, "")
            out.append((name, ", ".join(seen), "not there" if reason else "MISSING", reason or problem))
        else:
            better = BETTER.get(name, "")
            out.append((name, ", ".join(seen), "better" if better else "same", better))

    for name in sorted({n for names in facts.values() for n in names}):
        kinds = [facts[v][name] for v in versions if name in facts[v]]
        seen = [v for v in versions if name in facts[v]]
        newest = kinds[0]
        ours = getattr(restride, name, None)
        present = hasattr(restride, name)
        if "value" in newest:
            plain = isinstance(newest["value"], int) and name.isupper()
            add(name, present, f"is {ours!r}" if present and plain and int(ours) != newest["value"] else "", seen)
        elif "function" in newest:
            add(name, present, gone(ours, name, [s for k in kinds for s in k["function"]]) if present else "", seen)
        elif "enum" in newest:
            add(name, present, "", seen)
            for member in dict.fromkeys(m for k in kinds for m in k["enum"]):
                value = next(k["enum"][member] for k in kinds if member in k["enum"])
                there = present and member in ours.__members__
                wrong = f"is {int(ours.__members__[member])}" if there and int(ours.__members__[member]) != value else ""
                add(f"{name}.{member}", there, wrong, [v for v in seen if member in facts[v][name]["enum"]])
        else:
            add(name, present, "", seen)
            for member in sorted({m for k in kinds for m in k["class"]} - INTERNAL):
                if name == "Image" and member == "__init__":
                    continue  # has no public constructor there
                forms = [k["class"][member] for k in kinds if member in k["class"]]
                there = present and hasattr(ours, member)
                problem = ""
                if there and isinstance(forms[0], list):
                    problem = gone(getattr(ours, member), f"{name}.{member}", [s for f in forms for s in f])
                title = f"{name}()" if member == "__init__" else f"{name}.{member}"
                add(title, there, problem, [v for v in seen if member in facts[v][name]["class"]])
    return out


def gone(ours: object, owner: str, signatures: list[str]) -> str:
    missing = missing_arguments(ours, owner, signatures)
    return f"lacks {', '.join(missing)}" if missing else ""


def page(facts: dict[str, dict[str, dict]], table: list[tuple[str, str, str, str]]) -> str:
    counts = {v: sum(row[2] == v for row in table) for v in ("same", "better", "not there", "MISSING")}
    lines = [
        "# Compatibility with nvImageCodec", "",
        f"Every public name of nvImageCodec {' and '.join(sorted(facts, reverse=True))} (package `nvidia.nvimgcodec`), written by",
        "`scripts/api_compatibility.py` from the names, values and arguments that the wheels themselves show: "
        f"{counts['same']} the same, {counts['better']} better,",
        f"{counts['not there'] + counts['MISSING']} not there. \"Same\" means: the name is there, takes the same arguments, and has the "
        "same value where it has one;",
        "what calls do is checked by `python/tests`. Members of enumerations are attributes of the module too.", "",
        "| name | of version | here | how, or why |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    lines += [f"| `{name}` | {seen} | {verdict} | {remark} |" for name, seen, verdict, remark in table]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wheel", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--introspect", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.introspect:
        print(json.dumps(introspect()))
        return 0
    facts = read_facts(options.wheel)
    table = rows(facts)
    missing = [row for row in table if row[2] == "MISSING"]
    for name, _, _, problem in missing:
        print(f"{name}: {problem or 'not there'}", file=sys.stderr)
    text = page(facts, table)
    if options.check:
        same = PAGE.exists() and PAGE.read_text() == text
        if not same:
            print(f"{PAGE.relative_to(ROOT)} is not what scripts/api_compatibility.py writes", file=sys.stderr)
        return int(bool(missing) or not same)
    PAGE.write_text(text)
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
