"""A table as Markdown, LaTeX and CSV."""

import csv
import io
import re

from tagmates.report.tables.table import Entry, Role, Row, Table

MAX_FLOAT_ROWS = 30  # rows of numbers on a LaTeX page
MAX_COLUMN_LETTERS = 60  # letters that widen a column of words
LETTER_EMS, CAPITAL_EMS = 0.55, 0.8  # widths of a small letter, and of a capital or a sign
ROLE_COLOURS: dict[Role, str] = {
    "up": "007A5A",
    "down": "B84A00",
    "own": "0072B2",
    "few": "6B6B6B",
}  # the last one wins


def to_markdown(table: Table) -> str:
    """Title, caption, a pipe table and the legend of its marks."""
    lines = [
        f"### {_markdown(table.title)}",
        "",
        _markdown(table.caption),
        "",
        _pipes([_markdown(head) for head in full_heads(table)]),
        _pipes(["---", *["---" if table.words else "---:"] * (len(table.heads) - 1)]),
        *(
            _pipes([_markdown(row.head), *(_markdown_entry(entry, table.between) for entry in row.entries)])
            for row in table.rows
        ),
    ]
    if table.key:
        lines += ["", "; ".join(f"{_markdown(mark)} {_markdown(meaning)}" for mark, meaning in table.key.items()) + "."]
    return "\n".join(lines) + "\n"


def full_heads(table: Table) -> list[str]:
    """A head for each column, after the head of its group."""
    spans = [name for name, span in table.groups for _ in range(span)]
    spans += [""] * (len(table.heads) - 1 - len(spans))
    return [
        table.heads[0],
        *(f"{group}: {head}" if group else head for group, head in zip(spans, table.heads[1:], strict=True)),
    ]


def _pipes(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_entry(entry: Entry, between: str) -> str:
    text = _markdown(between.join([f"{entry.text} {entry.mark}".strip(), *entry.below]))
    return f"**{text}**" if "own" in entry.roles else text


def _markdown(text: str) -> str:
    """The text, escaped so that Markdown takes no character for markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~&!^]|(?<!\w)[-+](?=\s))", r"\\\1", " ".join(text.split()))


def to_csv(table: Table) -> str:
    """The numbers of the table in full precision, a row for each cell; without numbers, the text that is shown."""
    out = io.StringIO()
    if table.data:
        writer = csv.DictWriter(out, list(table.data[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table.data)
    else:
        plain = csv.writer(out, lineterminator="\n")
        plain.writerow(full_heads(table))
        plain.writerows([row.head, *(_plain(entry) for entry in row.entries)] for row in table.rows)
    return out.getvalue()


def _plain(entry: Entry) -> str:
    return " ".join(part for part in (entry.text, entry.mark, *entry.below) if part)


def to_latex(table: Table) -> str:
    """A table to \\input: a float, or a longtable. It needs ``LATEX_PACKAGES``."""
    long = table.words or len(table.rows) > MAX_FLOAT_ROWS
    return "\n".join(["% needs " + LATEX_PACKAGES, *(_long(table) if long else _float(table))]) + "\n"


LATEX_PACKAGES = r"\usepackage{array,booktabs,longtable,xcolor,amssymb,graphicx}"


def _float(table: Table) -> list[str]:
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex_caption(table)}}}",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",  # only if it is too wide
        rf"\begin{{tabular}}{{{_columns(table)}}}",
        r"\toprule",
        *_heads(table),
        r"\midrule",
        *(_latex_row(row, table.between) for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table}",
    ]


def _long(table: Table) -> list[str]:
    heads = [r"\toprule", *_heads(table), r"\midrule"]
    size, gap = ("footnotesize", 3) if table.words else ("scriptsize", 2)
    return [
        rf"{{\{size}\setlength{{\tabcolsep}}{{{gap}pt}}\setlength{{\LTcapwidth}}{{\linewidth}}",
        rf"\begin{{longtable}}{{{_columns(table)}}}",
        rf"\caption{{{_latex_caption(table)}}}\\",
        *heads,
        r"\endhead",
        *(_latex_row(row, table.between) for row in table.rows),
        r"\bottomrule",
        r"\end{longtable}}",
    ]


def _columns(table: Table) -> str:
    """Right-aligned columns for numbers; paragraph columns for words, wider for longer texts."""
    if not table.words:
        return "l" + "r" * (len(table.heads) - 1)
    columns = list(
        zip(table.heads, *([row.head, *(entry.text for entry in row.entries)] for row in table.rows), strict=True)
    )
    least = [max(_width(word) for text in column for word in text.split() or [""]) for column in columns]
    more = [
        max(min(max(map(len, column)), MAX_COLUMN_LETTERS) * LETTER_EMS - ems, 0.1)
        for column, ems in zip(columns, least, strict=True)
    ]
    rest = rf"\dimexpr\linewidth-{sum(least):.1f}em-{2 * len(columns)}\tabcolsep\relax"
    return "".join(
        rf">{{\raggedright\arraybackslash}}p{{\dimexpr{ems:.1f}em+{part / sum(more):.3f}{rest}\relax}}"
        for ems, part in zip(least, more, strict=True)
    )


def _width(word: str) -> float:
    """The estimated width of a word in ems, at most that of a full column."""
    return min(
        sum(LETTER_EMS if letter.islower() or letter in ".,:;()'-" else CAPITAL_EMS for letter in word),
        MAX_COLUMN_LETTERS * LETTER_EMS,
    )


def _latex_caption(table: Table) -> str:
    key = "; ".join(f"{mark} {meaning}" for mark, meaning in table.key.items())
    title = rf"\textbf{{{_latex(table.title)}.}}"
    return f"{title} {_latex(table.caption)}" + (f" {_latex(key)}." if key else "")


def _heads(table: Table) -> list[str]:
    heads = [" & ".join(map(_latex, table.heads)) + r" \\"]
    if not table.groups:
        return heads
    spans = [rf"\multicolumn{{{span}}}{{c}}{{{_latex(name)}}}" for name, span in table.groups]
    return [" & ".join(["", *spans]) + r" \\", *heads]


def _latex_row(row: Row, between: str) -> str:
    cells = " & ".join([_latex(row.head), *(_latex_entry(entry, between) for entry in row.entries)])
    return (r"\midrule " if row.apart else "") + cells + r" \\"


def _latex_entry(entry: Entry, between: str) -> str:
    text = _latex(f"{entry.text} {entry.mark}".strip())
    if entry.below:
        text += rf"{between}{{\scriptsize {_latex(between.join(entry.below))}}}"
    colour = next((ROLE_COLOURS[role] for role in reversed(entry.roles) if role in ROLE_COLOURS), None)
    return text if colour is None else rf"\textcolor[HTML]{{{colour}}}{{{text}}}"


LATEX_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "ρ": r"$\rho$",
    "≠": r"$\neq$",
    "⊕": r"$\oplus$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "▲": r"$\blacktriangle$",
    "▼": r"$\blacktriangledown$",
    "△": r"$\vartriangle$",
    "▽": r"$\triangledown$",
    "†": r"\dag{}",
    "\u200b": "{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after \\ a bracket would begin an option
    "]": "{]}",
}


def _latex(text: str) -> str:
    """The text, escaped. Letters that pdfLaTeX lacks become their code there; XeLaTeX and LuaLaTeX keep them."""
    apart = re.sub("-(?=-)", "-\u200b", " ".join(text.split()))  # else LaTeX makes a dash of two hyphens
    return "".join(map(_latex_character, apart))


def _latex_character(character: str) -> str:
    if character in LATEX_CHARACTERS:
        return LATEX_CHARACTERS[character]
    if ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0:
        return ""
    if ord(character) < 0x100:
        return character
    return rf"\ifdefined\Umathchar {character}\else U+{ord(character):04X}\fi{{}}"
