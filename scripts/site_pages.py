# SPDX-License-Identifier: Apache-2.0
"""Hooks of MkDocs: pages that are written elsewhere in the tree become pages of the site, as they are.

Notebooks with their stored output, the public C++ headers, the changelog, and notes that live beside their code.
"""

from __future__ import annotations

import json
import pathlib
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parents[1]
ELSEWHERE = {"CHANGELOG.md": "reference/changes.md", "src/cuda/vendor/README.md": "performance/nvidia-libraries.md"}
LINK = re.compile(r"\]\(((?:\.\./)+)([^)#\s]+)(#[^)]*)?\)")


def on_files(files, config):
    pages = {target: (ROOT / source).read_text() for source, target in ELSEWHERE.items()}
    pages["reference/cpp.md"] = cpp_reference()
    for notebook in sorted((ROOT / "examples" / "notebooks").glob("*.ipynb")):
        pages[f"notebooks/{notebook.stem}.md"] = notebook_page(notebook)
    for target, text in pages.items():
        files.append(File.generated(config, target, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links that leave docs/ go to the page made of their target; those to code become plain code."""
    place = pathlib.PurePosixPath("docs", page.file.src_uri).parent
    for source, target in ELSEWHERE.items():
        if page.file.src_uri == target:
            place = pathlib.PurePosixPath(source).parent

    def fix(match):
        steps, rest, anchor = match.groups()
        path = (ROOT / place / (steps + rest)).resolve()
        if not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "docs"):
            return match.group(0)
        name = path.relative_to(ROOT).as_posix()
        up = "../" * page.file.src_uri.count("/")
        if name in ELSEWHERE:
            return f"]({up}{ELSEWHERE[name]}{anchor or ''})"
        return f"](#){{title='{name}'}}" if path.exists() else match.group(0)

    return LINK.sub(fix, markdown)


def notebook_page(path: pathlib.Path) -> str:
    out = []
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            out.append(source)
            continue
        out.append(f"```python\n{source}\n```")
        for result in cell["outputs"]:
            out += outputs(result)
    return "\n\n".join([*out, f"*This page is `{path.relative_to(ROOT)}`, with the output it had when it was last run.*", ""])


def outputs(result) -> list[str]:
    data = result.get("data", {})
    for kind in ("image/jpeg", "image/png"):
        if kind in data:
            coded = "".join("".join(data[kind]).split())
            return [f'<img alt="output of the code above" src="data:{kind};base64,{coded}">']
    text = "".join(result.get("text", data.get("text/plain", [])))
    return [f'<div class="outcome" markdown>\n\n```text\n{text.rstrip()}\n```\n\n</div>'] if text.strip() else []


def cpp_reference() -> str:
    """The public headers, in the order in which restride.h has them: what is said above a declaration, and the declaration."""
    folder = ROOT / "include" / "restride"
    order = re.findall(r'#include "restride/(\w+)\.h"', (folder / "restride.h").read_text())
    names = [*order, *sorted(p.stem for p in folder.glob("*.h") if p.stem not in (*order, "restride", "export"))]
    out = ["# C++\n\nWritten from the public headers. `#include <restride/restride.h>` has all of them; programs link "
           "`restride::restride`. Errors are values: nothing throws. Complete programs are in `examples/cpp`.\n"]  # fmt: skip
    for name in names:
        text = (folder / f"{name}.h").read_text()
        lead = re.match(r"(?:// SPDX.*\n)((?://.*\n)*)", text)
        out.append(f"## {name}.h\n\n{prose(lead.group(1)) if lead else ''}\n")
        body = text.partition("namespace restride {\n")[2].rpartition("}  // namespace restride")[0]
        for block in declarations(body):
            comment = "".join(re.match(r"((?://.*\n)*)", block).group(1))
            code = block[len(comment) :].strip()
            titles = re.findall(r"^(?:class|struct|enum class) (\w+)(?:\s*:[^{;]*)?\s*\{", code, re.M)
            heading = f"### {', '.join(titles)}\n\n" if titles else ""
            out.append(f"{heading}{prose(comment)}\n\n```cpp\n{code}\n```\n")
    return "\n".join(out)


def prose(comment: str) -> str:
    text = " ".join(line.removeprefix("//").strip() for line in comment.splitlines())
    return re.sub(r"([<>*_])", r"\\\1", text)


def declarations(body: str) -> list[str]:
    """Paragraphs of a header; a brace that is open keeps its paragraphs together. Forward declarations alone are left out."""
    blocks, current, depth = [], [], 0
    for line in body.splitlines():
        if not line.strip() and depth == 0:
            blocks.append("\n".join(current) + "\n")
            current = []
            continue
        current.append(line.replace("RESTRIDE_API ", ""))
        code = line.partition("//")[0]
        depth += code.count("{") - code.count("}")
    blocks.append("\n".join(current) + "\n")
    return [b for b in blocks if b.strip() and not all(re.fullmatch(r"(class|struct) \w+;|", x) for x in b.strip().splitlines())]
