"""Writes tests/vectors/tokens: small tokenizers of every family with the tokens that their own libraries make, and chat
templates with the texts that transformers makes of conversations.

Each tokenizer is trained here, on a few sentences, with exactly the normalizer, pre-tokenizer, special tokens and decoder of
its family, and written twice: as a Hugging Face folder and as the metadata of a GGUF file. Expected tokens come from the
`tokenizers` library, and for GGUF files with scores from `sentencepiece` itself.

Needs transformers 5, tokenizers, sentencepiece and gguf. Deterministic. Run from the repository root:

    python tests/reference/tokens.py [SMOLLM2.gguf]

With the file of the default model it also writes what that model's own tokenizer makes of the texts.
"""

import json
import random
import re
import shutil
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.utils import chat_template_utils

OUT = Path("tests/vectors/tokens")

# What the tokenizers learn from.
SENTENCES = """
The council met in the old hall and nobody spoke for a while. Then the youngest of them asked a question.
There were twelve answers, and every one of them was better than the last; that's how it went, they'd say.
for i in range(10): print(i, end=", ") if i % 2 == 0 else None
fn main() { let mut total = 0; for n in 1..=100 { total += n; } println!("{total}"); }
Das Übermaß an Größe hört irgendwann auf. L'été dernier, il a plu sur la forêt. El niño comió una piña.
Съешь ещё этих мягких французских булок, да выпей чаю. Ο άνεμος φυσά από τον βορρά.
日本語の文章をいくつか書きました。今日は天気がいいですね。中文的句子也有几个，大家好。
नमस्ते दुनिया, यह एक छोटा वाक्य है। السلام عليكم ورحمة الله وبركاته. 한국어 문장도 있습니다.
In 1984 there were 365 days; 12,345.67 is a number, and so are 3.14159 and 1,000,000.
    if (x > 0) {\n\t\treturn x;\n    } else {\n\t\treturn -x;\n    }
""".strip().split("\n") * 4

# What they are asked to cut.
TEXTS = [
    "", " ", "  ", "a", " a", "a ", "the council", " the council ", "The  council   met    in     the      hall",
    "Hello, world! It's 12:30; they'll come, won't they? I'M SURE THEY'RE HERE.",
    "def f(x):\n    if x:\n        return [i for i in range(x)]\n\telse:\n\t\treturn None\n",
    "fn main() {\r\n    println!(\"hi\");\r\n}\r\n", "\n", "\n\n", "\n\n\n\n", "\r\n\r\n", " \n \n", "\t", "\t\t\ta\t",
    "a" * 50, "ab" * 40, " " * 33, "x" + " " * 17 + "y", "\n" * 33, "-" * 70, "=" * 16 + "\n", "1" * 25, "0123456789",
    "12345678901234567890", "1,234,567.89 + 3.14e-10 = ½ ² Ⅷ ①", "٣٤٥ ४५६ ๔๕ 𝟘𝟙𝟚",
    "naïve café e\u0301 n\u0303 A\u030a ﬁ ｆｕｌｌ Å Å ǆ İ ı ß ẞ", "q\u0323\u0307 q\u0307\u0323 a\u0301\u0323\u0308\u0304",
    "日本語の文章です。", "中文，没有空格。還有繁體字。", "한국어 문장 \u1112\u1161\u11ab", "ไทยไม่มีช่องว่าง",
    "नमस्ते क्षत्रिय ज़िंदगी", "السَّلامُ عَلَيْكُم", "שָׁלוֹם עולם", "தமிழ் நன்றி", "Съешь ещё булок", "Ελληνικά ΆΈ",
    "👩‍👩‍👧‍👦", "🇩🇪🇫🇷🇯🇵", "👍🏽👋🏿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️☕️1️⃣", "🧑🏿‍🚀 to the 🌕", "🫠🫡🪿", "a👍b 👍 c",
    "\u00a0\u2003\u3000x\u200b\u200d\ufeffy", "\u2028\u2029\u0085\u000b\u000c", "\u0000\u0001\u001b[0m\u007f", "\ufffd\ufffc",
    "\u2581", "\u2581\u2581a \u2581 b", "Ġthe Ċ", "<0x0A> <0xZZ>", "𠀀𪛖", "\U000e0001\U0010fffd", "\u0301", "\u200d",
    "https://example.org/a/b?c=d&e=%20#f", "user@example.org, @name #tag $5.00 50% C++ C# .NET", "{\"a\": [1, 2.5, null]}",
    "SELECT * FROM t WHERE a >= 1 AND b <> 'x';", "<html><body class=\"a\">&amp;</body></html>", "\\n \\t \\u0041 \\\\",
    "iPhone macOS eBay HTTPServer XMLHttpRequest camelCase snake_case SCREAMING", "l'été d'hier", "rock'n'roll 'tis '90s",
    "!!!???...,,,;;;:::", "((([[[{{{}}}]]])))", "~!@#$%^&*()_+`-={}|[]\\:\";'<>?,./", "  leading and trailing  \n",
    "one\ntwo\n\nthree\n\n\nfour", "word " * 30, "\n ".join("list"), "tab\there", "mixed \t \n\t  \r\n end",
]

# Bytes that are no UTF-8; both sides put U+FFFD for them before they cut.
BYTES = [b"\xff", b"ok\xf0\x9f\x98", b"\xc3\x28 \xe2\x82 x", b"\xed\xa0\x80", b"a\x80b\xbf", bytes(range(120, 256))]

# Spellings of special tokens inside what is written.
SPECIAL_TEXTS = [
    "{b}hello{e}", "{b} hello {e} there", "a{e}{e}b", "{e}\n\nnext", "{e} ", "x {t}user{e}\nsaid", "{u}", "a{u}b{u}{u}",
    "<" + "{e}" + ">", "{e}" * 3, "  {t}  {e}  ", "{b}{t}system\nBe brief.{e}\n{t}user\n日本 👍{e}\n{t}assistant\n",
]

META = "\u2581"


def corpus():
    """All texts without special tokens, some of them random mixtures of the others."""
    chance = random.Random(20261121)
    texts = TEXTS + [raw.decode("utf-8", "replace") for raw in BYTES]
    parts = [text for text in texts if 0 < len(text) <= 40]
    joints = ["", " ", "  ", "\n", ", ", "\t", " - "]
    for _ in range(40):
        texts.append("".join(chance.choice(parts) + chance.choice(joints) for _ in range(chance.randint(2, 6))))
    return texts


# ----------------------------------------------------------------------------------------------- byte-level families

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+%s"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*%s"
)
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n%s]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split(*patterns):
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
    return pre_tokenizers.Sequence(splits + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


GPT_2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
LETTERS = r"|[^\r\n\p{L}\p{N}]?\p{L}+"

BYTE_LEVEL = {
    # name: name in GGUF, pre-tokenizer, normalizer, ignore_merges, begin, end, opener of turns, user-defined token
    "gpt2": ("gpt-2", GPT_2, None, False, "<|endoftext|>", "<|endoftext|>", "<|turn|>", "<think>"),
    "smollm": (
        "smollm", pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), GPT_2]), None, False,
        "<|im_start|>", "<|im_end|>", "<|im_start|>", "<think>",
    ),
    "llama3": (
        "llama-bpe", split(CONTRACTIONS + LETTERS + r"|\p{N}{1,3}" + REST % ""), None, True,
        "<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<think>",
    ),
    "qwen2": (
        "qwen2", split(CONTRACTIONS + LETTERS + r"|\p{N}" + REST % ""), normalizers.NFC(), False,
        None, "<|im_end|>", "<|im_start|>", "<tool_call>",
    ),
    "tekken": (
        "tekken", split(CASED % ("", "") + r"|\p{N}" + REST % "/"), None, True, "<s>", "</s>", "[INST]", "<think>",
    ),
    "gpt4o": (
        "gpt-4o", split(CASED % (CONTRACTIONS + "?", CONTRACTIONS + "?") + r"|\p{N}{1,3}" + REST % "/"), None, False,
        "<|endoftext|>", "<|end|>", "<|user|>", "<think>",
    ),
}


def byte_level(name):
    pre, words, normalizer, ignore_merges, begin, end, turn, user = BYTE_LEVEL[name]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = words
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    special = list(dict.fromkeys([t for t in (begin, end, turn) if t]))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(
        vocab_size=440, initial_alphabet=sorted(alphabet), show_progress=False))
    if ignore_merges:
        # Whole words that no merges make.
        settings = json.loads(tokenizer.to_str())
        settings["model"]["ignore_merges"] = True
        for word in ["Hello", "Ġworld", "!!!"]:
            settings["model"]["vocab"].setdefault(word, len(settings["model"]["vocab"]))
        tokenizer = Tokenizer.from_str(json.dumps(settings))
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    tokenizer.add_tokens([AddedToken(user, special=False, normalized=False)])
    if name == "llama3":
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, tokenizer.token_to_id(begin))])
    settings = json.loads(tokenizer.to_str())
    tokens = listed(tokenizer)
    kinds = [3 if token in special else 4 if token == user else 1 for token in tokens]

    def metadata(writer):
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(tokens)
        writer.add_token_types(kinds)
        writer.add_token_merges([" ".join(merge) for merge in settings["model"]["merges"]])
        if begin:
            writer.add_bos_token_id(tokenizer.token_to_id(begin))
        writer.add_eos_token_id(tokenizer.token_to_id(end))
        if name == "tekken":
            # Its folder has no post-processor here; say the same in both.
            writer.add_add_bos_token(False)

    config = {"bos_token": begin, "eos_token": {"content": end, "special": True}}
    write(name, settings, config, metadata, tokenizer, None, {"b": begin or turn, "e": end, "t": turn, "u": user})


def listed(tokenizer):
    """The spellings by number."""
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    return [token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])]


# ---------------------------------------------------------------------------------------------- SentencePiece families

SENTENCE_PIECE = {
    # name: dummy prefix, control tokens, user-defined tokens, kind of folder, model type
    "llama2": (True, ["<turn>"], [], "prepend", "bpe"),
    "mistral": (True, ["[INST]", "[/INST]"], [], "metaspace", "bpe"),
    "gemma": (
        False, ["<start_of_turn>", "<end_of_turn>"],
        ["\n" * n for n in range(1, 10)] + [META * n for n in range(2, 12)] + ["<h1>", "</h1>"], "replace", "bpe",
    ),
    "phi3": (True, ["<|user|>", "<|end|>", "<|assistant|>"], [], "rstrip", "bpe"),
    "unigram": (True, ["<turn>"], [], "metaspace", "unigram"),
}


def sentence_piece(name):
    prefix, control, user, form, kind = SENTENCE_PIECE[name]
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES), model_prefix=f"{folder}/m", model_type=kind, vocab_size=620,
            byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=prefix,
            remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True,
            control_symbols=control, user_defined_symbols=user, character_coverage=0.98, num_threads=1,
            minloglevel=2, hard_vocab_limit=False)
        model = sentencepiece_model_pb2.ModelProto()
        model.ParseFromString(Path(f"{folder}/m.model").read_bytes())
    original = Original(model, ["<unk>", "<s>", "</s>", *control], form)
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    kinds = [piece.type for piece in model.pieces]
    if kind == "bpe":
        cutter = models.BPE(
            {piece: token for token, (piece, _) in enumerate(pieces)}, merges(pieces, kinds), unk_token="<unk>",
            fuse_unk=True, byte_fallback=True)
    else:
        cutter = models.Unigram(pieces, 0, True)
    tokenizer = Tokenizer(cutter)
    visible = normalizers.Replace(" ", META)
    shown = [decoders.Replace(META, " "), decoders.ByteFallback(), decoders.Fuse()]
    if form == "metaspace":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        shown.append(decoders.Strip(" ", 1, 0))
    elif form == "replace":
        tokenizer.normalizer = visible
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(META), visible])
        shown.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence(shown)
    strips = form == "rstrip"
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>")]
        + [AddedToken(t, special=True, normalized=False, rstrip=strips) for t in ["</s>", *control]])
    # As in Gemma's folder: the spellings in the file are the visible ones, which no text with real spaces has.
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in user])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])

    def metadata(writer):
        if strips:
            writer.add_name("Phi-3 tiny")
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        # The converters write user-defined tokens with real spaces.
        writer.add_token_list([
            piece.replace(META, " ") if kinds[token] == 4 else piece for token, (piece, _) in enumerate(pieces)])
        writer.add_token_scores([score for _, score in pieces])
        writer.add_token_types(kinds)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
        writer.add_add_space_prefix(prefix)

    turn = control[0]
    config = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    has_gguf = kind == "bpe"
    write(
        name, json.loads(tokenizer.to_str()), config, metadata if has_gguf else None, tokenizer,
        original if has_gguf else None, {"b": "<s>", "e": "</s>", "t": turn, "u": user[-1] if user else turn})


class Original:
    """The sentencepiece library itself, which knows no control tokens in texts: it cuts what stands between them."""

    def __init__(self, model, control, form):
        self.spaced = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
        without = sentencepiece_model_pb2.ModelProto()
        without.CopyFrom(model)
        without.normalizer_spec.add_dummy_prefix = False
        self.plain = sentencepiece.SentencePieceProcessor(model_proto=without.SerializeToString())
        self.pattern = "(" + "|".join(re.escape(token) for token in control) + ")"
        self.form = form

    def encode(self, text):
        tokens, before = [], None
        for number, part in enumerate(re.split(self.pattern, text)):
            if number % 2:
                tokens.append(self.spaced.piece_to_id(part))
                before = part
                continue
            if self.form == "rstrip" and before not in (None, "<s>", "<unk>"):
                part = part.lstrip()
            # Where only the text's beginning gets a space, what follows a control token gets none.
            is_inside = number > 0 and self.form == "metaspace"
            tokens += (self.plain if is_inside else self.spaced).encode(part)
        return tokens


def merges(pieces, kinds):
    """All ways to join two pieces to a third, the best third first (as transformers derives them)."""
    number = {piece: token for token, (piece, _) in enumerate(pieces)}
    found = []
    for token, (piece, score) in enumerate(pieces):
        if kinds[token] not in (1, 4):
            continue
        ways = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        ways = [way for way in ways if way[0] in number and way[1] in number]
        ways.sort(key=lambda way: (number[way[0]], number[way[1]]))
        found += [(score, way) for way in ways]
    found.sort(key=lambda item: item[0], reverse=True)
    return [way for _, way in found]


# ------------------------------------------------------------------------------------------------------------- writing


def write(name, settings, config, metadata, tokenizer, original, spellings):
    folder = OUT / name
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(settings, ensure_ascii=False, separators=(",", ":")))
    (folder / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False))
    if metadata:
        writer = gguf.GGUFWriter(folder / "vocabulary.gguf", "llama")
        metadata(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
    lines = []
    for text in corpus() + [text.format(**spellings) for text in SPECIAL_TEXTS]:
        tokens = tokenizer.encode(text, add_special_tokens=False).ids
        case = {"tokens": tokens}
        said = tokenizer.decode(tokens, skip_special_tokens=True)
        if said != text:
            case["said"] = said
        if original and original.encode(text) != tokens:
            # The folder's rules differ from the original's: equal scores, spaces at the beginning, visible spaces.
            case["gguf"] = original.encode(text)
        lines.append(json.dumps(case, separators=(",", ":"), ensure_ascii=False))
    begins = tokenizer.encode("", add_special_tokens=True).ids
    lines.insert(0, json.dumps({**spellings, "begins": begins}))
    (folder / "expected.jsonl").write_text("\n".join(lines) + "\n")


# ----------------------------------------------------------------------------------------------------------- templates

# 2026-09-21 14:13:20, on the clock that templates are told.
NOW = 1_790_000_000


class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.fromtimestamp(NOW, timezone.utc)


SPELLINGS = {
    # template: begin, end
    "gemma2": ("<bos>", "<eos>"), "gemma3": ("<bos>", "<end_of_turn>"), "llama2": ("<s>", "</s>"),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>"), "llama32": ("<|begin_of_text|>", "<|eot_id|>"),
    "mistral": ("<s>", "</s>"), "mistral-first": ("<s>", "</s>"), "phi3": ("<s>", "<|endoftext|>"),
    "phi4-mini": ("<|endoftext|>", "<|endoftext|>"), "qwen25": ("", "<|im_end|>"), "qwen3": ("", "<|im_end|>"),
    "smollm2": ("<|im_start|>", "<|im_end|>"), "thinking": ("<b>", "<e>"), "zephyr": ("<s>", "</s>"),
}

CONVERSATIONS = [
    [("user", "What is a council?")],
    [("system", "Answer in one sentence."), ("user", "Why is the sky blue?")],
    [("system", ""), ("user", "hi")],
    [("user", "  spaces around\n"), ("assistant", "\n kept or cut? \n"), ("user", "\ttabs\t")],
    [("system", "日本語で。 👩‍👩‍👧"), ("user", "naïve ‘quotes’ & <tags> \"x\" 'y' {{ braces }} {% tag %}"),
     ("assistant", "नमस्ते"), ("user", "ok?"), ("assistant", "<think>\nso\n</think>\n\nyes"), ("user", "and?")],
    [("user", "first"), ("user", "second")],
    [("assistant", "I begin."), ("user", "no")],
    [("user", "question"), ("assistant", "<think>\nlong\nthoughts\n</think>\n\nanswer")],
    [("user", "call it"), ("assistant", "calling"), ("tool", "{\"result\": 4}"), ("tool", "5"), ("user", "thanks")],
    [("user", "a"), ("system", "late order"), ("user", "b")],
]

OCCASIONS = [
    {}, {"is_closed": True}, {"now": NOW}, {"thinking": False}, {"thinking": True},
]


def rendered(source, begin, end, messages, occasion):
    """What transformers makes of it: a text, or the error that the template raised."""
    values = {"bos_token": begin, "eos_token": end}
    if "thinking" in occasion:
        values["enable_thinking"] = occasion["thinking"]
    if "now" not in occasion:
        # Without a clock synod has no `strftime_now`, and templates have a date of their own.
        source = source.replace("strftime_now is defined", "false")
    try:
        texts, _ = chat_template_utils.render_jinja_template(
            [messages], chat_template=source, add_generation_prompt=not occasion.get("is_closed"), **values)
        return {"text": texts[0]}
    except Exception as error:
        if type(error).__name__ != "TemplateError":
            raise
        return {"error": str(error)}


def templates():
    chat_template_utils.datetime = Clock
    conversations = [[{"role": role, "content": content} for role, content in turns] for turns in CONVERSATIONS]
    lines = [json.dumps(conversations, ensure_ascii=False)]
    for name, (begin, end) in sorted(SPELLINGS.items()):
        source = (OUT / "templates" / f"{name}.jinja").read_text()
        for number, messages in enumerate(conversations):
            plain = None
            for occasion in OCCASIONS:
                result = rendered(source, begin, end, messages, occasion)
                if result == plain:
                    # Nothing new: the occasion makes no difference to this template.
                    continue
                plain = plain or result
                case = {"template": name, "begin": begin, "end": end, "conversation": number, **occasion, **result}
                lines.append(json.dumps(case, separators=(",", ":"), ensure_ascii=False))
    (OUT / "templates" / "expected.jsonl").write_text("\n".join(lines) + "\n")


def texts():
    """The texts, one a line; a Rust test fills the spellings of its family into the last ones."""
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in TEXTS]
    lines += [json.dumps({"bytes": raw.hex()}) for raw in BYTES]
    lines += [json.dumps({"text": text}, ensure_ascii=False) for text in corpus()[len(TEXTS) + len(BYTES):]]
    lines += [json.dumps({"special": text}, ensure_ascii=False) for text in SPECIAL_TEXTS]
    (OUT / "texts.jsonl").write_text("\n".join(lines) + "\n")


def real(path):
    """The tokens of SmolLM2's own tokenizer: the vocabulary of its GGUF file with the words of its tokenizer.json."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    pairs = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, pairs))
    tokenizer.pre_tokenizer = BYTE_LEVEL["smollm"][1]
    kinds = fields["tokenizer.ggml.token_type"].contents()
    special = [token for token, kind in zip(tokens, kinds) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    spellings = {"b": "<|im_start|>", "e": "<|im_end|>", "t": "<|im_start|>", "u": "<file_sep>"}
    asked = corpus() + [text.format(**spellings) for text in SPECIAL_TEXTS]
    lines = [json.dumps({**spellings, "begins": []})]
    lines += [json.dumps({"tokens": tokenizer.encode(text).ids}, separators=(",", ":")) for text in asked]
    (OUT / "smollm2-135m.jsonl").write_text("\n".join(lines) + "\n")


def main():
    for old in OUT.iterdir():
        if old.is_dir() and old.name != "templates":
            shutil.rmtree(old)
    for name in BYTE_LEVEL:
        byte_level(name)
    for name in SENTENCE_PIECE:
        sentence_piece(name)
    texts()
    templates()
    for path in sys.argv[1:]:
        real(path)


if __name__ == "__main__":
    main()
