"""The language of a message, in which it is answered."""

import pytest

from assistant.intents.language import language_of
from training.corpus import LANGUAGES, phrases

RIGHT_AT_LEAST = 0.93


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("why does my call fail?", "en"),
        ("401", "en"),
        ("", "en"),
        ("req_0199c0de4af2", "en"),
        ("[key kd_Ab3d…]", "en"),
        ('curl -H "Authorization: [key kd_Ab3d…]" https://gw.example.com/v1/x', "en"),
        ("Warum geht mein Schlüssel nicht?", "de"),
        ("401 seit heute, warum?", "de"),
        ("pourquoi ma clé ne marche pas ?", "fr"),
        ("qu'est-ce que c'est ?", "fr"),
        ("¿por qué no funciona mi clave?", "es"),
        ("por que minha chave não funciona?", "pt"),
        ("APIキーが使えません", "ja"),
        ("401エラーです", "ja"),
        ("密钥不能用了", "zh"),
        ("为什么返回 401 Unauthorized?", "zh"),
        ("почему ключ не работает?", "other"),
        ("왜 키가 작동하지 않나요?", "other"),
        ("لماذا لا يعمل المفتاح؟", "other"),
        ("dlaczego mój klucz nie działa?", "other"),
        ("perché la mia chiave non funziona?", "other"),
        ("waarom werkt mijn sleutel niet?", "other"),
    ],
)
def test_a_language_is_known_by_its_letters_and_common_words(text: str, language: str) -> None:
    """Codes, ids and pasted requests are ignored; the default is English."""
    assert language_of(text) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_nearly_all_phrases_of_a_language_are_known_as_such(language: str) -> None:
    """A few words belong to several languages."""
    texts = [said.text for said in phrases() if said.language == language]

    right = [text for text in texts if language_of(text) == language]

    assert len(right) >= RIGHT_AT_LEAST * len(texts)
