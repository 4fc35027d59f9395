"""Makes variants of a phrase: other words for a key, a greeting, an added remark, typing errors."""

import re
from random import Random

_KEY = re.compile(r"(?<![\w\[{<$-])(?:api[ -]?key|API[ -]?key|key)\b(?!s?[ ]?(?:board|limit))")
_KEYS_OTHERWISE = ("API key", "api key", "token", "apikey", "API token", "access key", "api-key", "key")
_BEFORE = {
    "en": (
        "Hi, ", "Hello, ", "hey, ", "Hi team, ", "Hi all, ", "Good morning, ", "Dear support, ", "sorry, ",
        "Quick question: ", "[Bug]: ", "[Question] ", "Question: ", "hey guys ", "so ", "well, ", "please help. ",
        "Hello @team! ",
    ),
    "de": ("Hallo, ", "Guten Tag, ", "Moin, ", "Kurze Frage: "),
    "fr": ("Bonjour, ", "Salut, ", "Bonjour à tous, ", "Petite question : "),
    "es": ("Hola, ", "Buenos días, ", "Buenas, ", "Una pregunta: "),
    "pt": ("Olá, ", "Oi, ", "Bom dia, ", "Uma pergunta: "),
    "ja": ("こんにちは。", "お世話になっております。", "すみません、"),
    "zh": ("你好，", "您好，", "请问"),
}  # fmt: skip
_BESIDE = (
    "We use docker on Ubuntu.", "I'm on Windows 11.", "I am new to this.", "We are a small team.", "I use Python 3.11.",
    "Version 2.4.1, macOS.", "I read the docs.", "I searched the docs but found nothing.",
    "Steps to reproduce below.",
    "Screenshot attached.", "I have looked everywhere.", "Same for my colleague.", "I tried two browsers.",
    "We have been customers for two years.", "This is for our production project.", "It's for a client of ours.",
    "We have several services.", "This is urgent for us.", "Not a big deal.", "See the picture.",
    "I may be missing something.",
    "Nothing was changed on our side.", "I tried many times.", "Our app is written in Node.", "It is a hobby project.",
)  # fmt: skip
_AFTER = {
    "en": (
        " Thanks!", " Thank you.", " thx", " Please help", " pls", " Any idea?", " Any help is appreciated.", "??",
        "!!!", " Regards, Tom", " Thanks in advance", " Is this a bug?", " What am I missing?", " cheers", " asap",
    ),
    "de": (" Danke!", " Viele Grüße", " Vielen Dank im Voraus"),
    "fr": (" Merci !", " Cordialement", " Merci d'avance"),
    "es": (" ¡Gracias!", " Saludos", " Gracias de antemano"),
    "pt": (" Obrigado!", " Abraços", " Desde já agradeço"),
    "ja": ("よろしくお願いします。", "ご教示ください。"),
    "zh": ("，谢谢", "，求助"),
}  # fmt: skip


def variant(text: str, language: str, random: Random) -> str:
    """A variant of the text. The same state of `random` gives the same variant."""
    if language == "en" and random.random() < 0.6:
        otherwise = random.choice(_KEYS_OTHERWISE)
        text = _KEY.sub(otherwise, text)
    if random.random() < 0.3:
        text = _slip(text, random)
    if random.random() < 0.25:
        text = text.rstrip("?.!。？")
    if random.random() < 0.35:
        text = random.choice(_BEFORE[language]) + text
    if language == "en" and random.random() < 0.35:
        remark = random.choice(_BESIDE)
        text = f"{remark} {text}" if random.random() < 0.5 else f"{text} {remark}"
    if random.random() < 0.3:
        text += random.choice(_AFTER[language])
    return text.upper() if random.random() < 0.02 else text


def _slip(text: str, random: Random) -> str:
    """Makes a typing error: swaps two letters of a longer word, or omits or doubles one."""
    words = list(re.finditer(r"[a-z]{5,12}", text))
    if not words:
        return text
    word = random.choice(words)
    at = random.randrange(word.start() + 1, word.end() - 1)
    kind = random.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :] if kind == 1 else text[:at] + text[at] + text[at:]
