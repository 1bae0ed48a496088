#!/usr/bin/env python3
"""Turns a terminal screen, as `tmux capture-pane -e -p` prints it, into an SVG picture.

    tmux capture-pane -e -p -t synod | tests/picture/screen_to_svg.py > assets/screen.svg

Colours come from the escape sequences; nothing is drawn that the program did not send.
"""

import html
import re
import sys
import unicodedata

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 18, 14
FOREGROUND, BACKGROUND = "#d6d3cd", "#16181d"
BASIC = ["#1c1f26", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d6d3cd",
         "#5c6370", "#ff7b86", "#b5e890", "#ffd68a", "#7cc4ff", "#dd9df0", "#6fd3e0", "#ffffff"]


def palette(index):
    """The colour of one of the 256 indexed colours."""
    if index < 16:
        return BASIC[index]
    if index < 232:
        index -= 16
        steps = [0, 95, 135, 175, 215, 255]
        return "#%02x%02x%02x" % (steps[index // 36], steps[index // 6 % 6], steps[index % 6])
    grey = 8 + 10 * (index - 232)
    return "#%02x%02x%02x" % (grey, grey, grey)


def apply(style, codes):
    """Changes a style dictionary by the numbers of one SGR sequence."""
    codes = [int(code or 0) for code in codes]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style.clear()
        elif code in (1, 2, 3, 4, 7, 9):
            style[{1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "crossed"}[code]] = True
        elif code == 22:
            style.pop("bold", None)
            style.pop("dim", None)
        elif code in (23, 24, 27, 29):
            style.pop({23: "italic", 24: "underline", 27: "reverse", 29: "crossed"}[code], None)
        elif code in (38, 48):
            key = "fg" if code == 38 else "bg"
            kind = codes.pop(0)
            if kind == 5:
                style[key] = palette(codes.pop(0))
            else:
                style[key] = "#%02x%02x%02x" % tuple(codes[:3])
                del codes[:3]
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style["fg"] = BASIC[code - 30 if code < 90 else code - 82]
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style["bg"] = BASIC[code - 40 if code < 100 else code - 92]
        elif code == 39:
            style.pop("fg", None)
        elif code == 49:
            style.pop("bg", None)


def columns(character):
    if unicodedata.combining(character) or character in "\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def main():
    lines = sys.stdin.read().rstrip("\n").split("\n")
    style, out, widest = {}, [], 0
    for row, line in enumerate(lines):
        column = 0
        for piece in re.split(r"(\x1b\[[0-9;:]*m)", line):
            if piece.startswith("\x1b["):
                apply(style, re.split("[;:]", piece[2:-1]))
                continue
            for text in re.findall(r" +|[^ ]+", re.sub(r"\x1b[^a-zA-Z]*[a-zA-Z\\]", "", piece)):
                width = sum(columns(character) for character in text)
                fg, bg = style.get("fg", FOREGROUND), style.get("bg")
                if style.get("reverse"):
                    fg, bg = bg or BACKGROUND, fg
                x, y = column * CELL_WIDTH, row * CELL_HEIGHT
                if bg:
                    out.append(f'<rect x="{x:.1f}" y="{y}" width="{width * CELL_WIDTH:.1f}" height="{CELL_HEIGHT}" fill="{bg}"/>')
                if text.strip():
                    look = f' fill="{fg}"'
                    look += ' font-weight="bold"' if style.get("bold") else ""
                    look += ' font-style="italic"' if style.get("italic") else ""
                    look += ' opacity="0.65"' if style.get("dim") else ""
                    look += ' text-decoration="underline"' if style.get("underline") else ""
                    out.append(f'<text x="{x:.1f}" y="{y + 14}" textLength="{width * CELL_WIDTH:.1f}"{look}>{html.escape(text)}</text>')
                column += width
        widest = max(widest, column)
    width, height = widest * CELL_WIDTH + 16, len(lines) * CELL_HEIGHT + 16
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="-8 -8 {width:.0f} {height:.0f}">')
    print(f'<rect x="-8" y="-8" width="{width:.0f}" height="{height:.0f}" rx="8" fill="{BACKGROUND}"/>')
    print(f'<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT_SIZE}" xml:space="preserve" lengthAdjust="spacingAndGlyphs">')
    print("\n".join(out))
    print("</g></svg>")


if __name__ == "__main__":
    main()
