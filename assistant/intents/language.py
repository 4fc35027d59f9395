"""Recognizes the language of a message: one of the seven that the assistant understands, or another."""

import re
from collections import Counter

ENGLISH = "en"
OTHER = "other"
_KANA = re.compile(r"[\u3041-\u30ff]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u06ff\u0900-\u0e7f\u10a0-\u10ff\uac00-\ud7af]")
_LATIN = re.compile(r"[A-Za-z]")
_LIKE_CODE = re.compile(r"[_0-9/=@{}<>\[\]]|^-")
"""Words with these characters are code and are ignored."""
_ELISION = re.compile(r"\b(?:[dlmtscj]|qu)['’][a-zàâéèêëîïôûœ]")
_WORD = re.compile(r"[a-zß-öø-ÿœąćęłńśźżğışčěřůž]+")

_COMMON = {
    "en": "the a an is are was it my our your i we you do does did how why what which when who where can not to of in"
    " on for with this that and or have has get please be from any there no me key keys if then give show works work"
    " error requests request calls call free limit slot created deleted delete create using used thanks hi hello help"
    " service unavailable usage customer rejected per rotation statistics",
    "de": "der die das ein eine einen ist sind war ich wir mein unser du nicht kein wie warum was wer wann wo kann"
    " für mit und oder bitte zu auf von im dem den des hat haben noch mehr wird werden einer es uns mir bei geht seit"
    " danke hallo schlüssel schlüssels schlüsseln geheimnis anfragen anfrage aufruf aufrufe guten tag hilfe tschüss"
    " welche welcher wurde beim kommt gibt an anderen andere abgelaufen gelöscht löschen ändern erstellen anlegen key"
    " in habe aus muss davor neu neuen alles klar setzen umbenennen per dürfen bedeutet moin alle vielen perfekt"
    " servus jemand zugang zugriff verweigert widerrufen verloren nun erreicht überschritten fehlgeschlagen mach mich"
    " zum wechseln zurücksetzen kostet unseren eures eure aller falsche erneuern sperren ersetzen anzeigen sagt"
    " ungültig ungültiger",
    "fr": "le la les un une des est sont je nous mon ma notre vous ne pas comment pourquoi quoi qui quand où puis"
    " pour avec et ou du de en sur dans il elle au aux cette ce ça ai a-t que quelle quel plus merci bonjour se son"
    " depuis clé clés requête requêtes portée rôle après peut-on peut salut aide d'accord coucou quels quelles aucune"
    " supprimer créer suis fait voir toutes tous par veut dire signifie encore limite service sans refusé refusés"
    " bonsoir bonne journée combien coûte votre serveur injoignable on accès quelque rien chez très ici déjà faut"
    " fonctionne marche obtenir renvoie reçois j'ai n'est utilise utiliser numéro",
    "es": "el la los las un una es son yo mi nuestra nuestro no cómo por qué quién cuándo dónde puedo para con y o"
    " del de en se al lo me tengo hay esta este cuál que ya más como gracias hola desde está sale clave claves"
    " alcance peticiones llamada buenos buenas días ayuda adiós vale hoy ayer mis borrar eliminar crear otro otra"
    " cambiar funciona aunque quiero esto fecha poner abrir da nos buen día después quedan código ejemplo límite"
    " velocidad alcanzado superado servicio disponible acceso autorizado autenticación credenciales solo semana"
    " pasada registro cambios usuario puede nuestras cuánto cuánta cuántas cuántos quiénes necesito contraseña poema"
    " hazme caduca caducan manual",
    "pt": "o a os as um uma é são eu meu minha nosso nossa não como por que quem quando onde posso para com e ou do"
    " da de em no na se ao você tem há esta este qual mais obrigado olá dos das foi desde está pra chave chaves"
    " escopo requisição requisições chamada oi bom dia boa ajuda tchau hoje ontem apagar criar outro outra mudar mudo"
    " recebo depois muito tudo bem quais sou existem mesmo funciona escolhi segredo quanto quantos quanta quantas"
    " tempo suporte chamado alguém ótimo valeu senha serviço servidor vai aparece apareceu significa dizer quer pode"
    " dá dar perdi verificar renomear redefinir abrir contatar administrador torno manda limite taxa cabeçalho me"
    " devolve estamos sendo errado errada novo nova recusada recusadas usar uso faço consigo preciso acesso negado"
    " vocês ninguém agora porque pelo pela houve ainda serve captura chamadas fizemos autentico autenticação manual",
    "it": "la le un per il lo gli funziona chiave mia più una che non come perché chi quando dove posso con del della"
    " sono è ho nostra questo nel",
    "nl": "de het een is niet hoe waarom wie wanneer waar kan voor met en mijn ik wij van op dat deze onze geen zijn",
    "pl": "nie jak dlaczego kto kiedy gdzie jest mój nasz klucz się na do że mogę czy w z i proszę mam",
    "tr": "bir bu ve nasıl neden kim ne zaman nerede mi için değil benim anahtar var yok çalışmıyor",
    "sv": "det är inte hur varför vem när var kan för med och min vår nyckel jag vi på som en ett",
    "id": "yang tidak bagaimana kenapa siapa kapan di mana untuk dengan dan saya kami kunci ini itu ada bisa sudah",
}
_UNDERSTOOD = ("en", "de", "fr", "es", "pt")
_LETTERS = {
    **dict.fromkeys("ßäöü", ("de",)),
    **dict.fromkeys("ñ¿¡", ("es",)),
    **dict.fromkeys("ãõ", ("pt",)),
    **dict.fromkeys("œùèûîë", ("fr",)),
    **dict.fromkeys("íóúá", ("es", "pt")),
    **dict.fromkeys("êçô", ("fr", "pt")),
}
_NAME = re.compile(r"\W{0,2}[^\W\d_a-zß-ÿœ]")
"""The beginning of a word with a capital letter."""
_LETTERS_WEIGH = 2
_CLEAR = 18
"""The least score at which a line is clearly in a language: as much as three words that only this language has."""


def _languages_of_words() -> dict[str, tuple[str, ...]]:
    known: dict[str, tuple[str, ...]] = {}
    for language, words in _COMMON.items():
        for word in dict.fromkeys(words.split()):
            known[word] = (*known.get(word, ()), language)
    return known


_LANGUAGES = _languages_of_words()


def language_of(text: str) -> str:
    """
    Returns `en`, `de`, `fr`, `es`, `pt`, `ja`, `zh`, or `other`.

    A text without any sign of a language is English. What people paste (logs, error messages) is English in every
    language, so lines that are clearly in another language decide, however much English is around them.
    """
    whole = _language(text)
    if whole not in (ENGLISH, OTHER) or "\n" not in text:
        return whole
    found: Counter[str] = Counter()
    for line in text.split("\n"):
        language, score = _scored(line)
        if language not in (ENGLISH, OTHER) and score >= _CLEAR:
            found[language] += score
    return max(found, key=lambda language: found[language], default=whole)


def language_seen(text: str) -> str | None:
    """The same, but None for a text without any sign of a language, such as codes and ids."""
    return None if _scored(text) == (ENGLISH, 0) else language_of(text)


def _language(text: str) -> str:
    return _scored(text)[0]


def _letters_of_no_name(text: str) -> set[str]:
    """The letters of words that are certainly no names: *Müller can't sign in* is English."""
    return {
        letter
        for word in text.split()
        if not _NAME.match(word) and not _LIKE_CODE.search(word)
        for letter in word.lower()
    }


def _scored(text: str) -> tuple[str, int]:
    """The language of a text, and how many signs of it the text has."""
    if _KANA.search(text):
        return "ja", _CLEAR
    latin = len(_LATIN.findall(text))
    if len(_OTHER_SCRIPT.findall(text)) > latin:
        return OTHER, latin
    if (han := len(_HAN.findall(text))) * 8 > latin:
        return "zh", 6 * han
    score: Counter[str] = Counter()
    lower = " ".join(word for word in text.lower().split() if not _LIKE_CODE.search(word))
    for word in _WORD.findall(lower):
        languages = _LANGUAGES.get(word, ())
        for language in languages:
            score[language] += 6 // len(languages)
    if _ELISION.search(lower):
        score["fr"] += 6
    for letter in _LETTERS.keys() & _letters_of_no_name(text):
        for language in _LETTERS[letter]:
            score[language] += 6 * _LETTERS_WEIGH // len(_LETTERS[letter])
    if not score:
        return ENGLISH, 0
    best = max(_UNDERSTOOD, key=lambda language: (score[language], language == ENGLISH))
    return (best, score[best]) if score[best] * 3 >= max(score.values()) * 2 else (OTHER, score[best])
