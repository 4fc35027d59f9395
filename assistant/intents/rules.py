"""Rules for what is certain: evidence for topics, and whether a message continues the one before it."""

import re
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from assistant.intents.entities import Entities
from assistant.intents.topics import Topic

_DECIDES = 9.0
"""Log-odds that outweigh any result of the classifier."""
_STRONG = 4.0
_HINTS_AT = 1.5

_BY_STATUS: Mapping[int, Topic] = MappingProxyType(
    {401: Topic.UNAUTHORIZED, 403: Topic.FORBIDDEN, 429: Topic.TOO_MANY_REQUESTS}
    | dict.fromkeys((502, 503, 504), Topic.UNAVAILABLE)
)
_BY_CODE: Mapping[str, Topic] = MappingProxyType(
    dict.fromkeys(
        ("missing_key", "malformed_key", "invalid_key", "deleted_key", "replaced_secret", "UNAUTHENTICATED"),
        Topic.UNAUTHORIZED,
    )
    | dict.fromkeys(("agent_not_in_scope", "gateway_not_allowed"), Topic.FORBIDDEN)
    | dict.fromkeys(("rate_limited", "quota_exceeded"), Topic.TOO_MANY_REQUESTS)
    | dict.fromkeys(("FORBIDDEN", "NOT_FOUND", "ApiKeyNotFound"), Topic.NOT_ALLOWED)
    | {"unavailable": Topic.UNAVAILABLE, "KeyLimitReached": Topic.CANNOT_CREATE, "InvalidInput": Topic.CANNOT_CREATE}
)
_ONLY_MARKS = re.compile(
    r"(?>\[[^\]\n]{1,40}\]|pasted\w+|request ?id|req_\w+|\w{1,12}_\w*(?:…|\.{2,3})\w*|(?:key|agt|org)_\w+|[^\w]|id"
    r"|key|api)*+",
    re.IGNORECASE,
)
"""An atomic group, which never backtracks: with marks that match in several ways, the time would grow exponentially."""

_TURNING = re.compile(
    r"\b(?:ignor\w+|disregard|forget|override|bypass)\b.{0,40}"
    r"\b(?:instruction|prompt|rule|guideline|restriction|above|previous|prior|everything|safety|polic(?:y|ies))"
    r"|\b(?:system|initial|hidden|secret) (?:prompt|instructions?|rules|message)\b"
    r"|\bdo anything now\b|\bdeveloper mode\b|\bjailbr(?:ea|o)k|\bunrestricted\b.{0,30}\b(?:ai|assistant|mode|model)\b"
    r"|\b(?:act|behave|respond|answer|pretend|role-?play)\b.{0,12}\b(?:as|to be|that you are|like)\b.{0,30}"
    r"\b(?:dan|stan|dude|admin|administrator|root|operator|evil|hacker|unfiltered|no (?:rules|restrictions|limits)"
    r"|grandm\w+"
    r"|chatgpt|ai|assistant|terminal|linux)\b"
    r"|\b(?:repeat|print|output|reveal|show|tell)\b.{0,30}\b(?:your (?:instructions|prompt|rules)|(?:words|text"
    r"|everything) above)"
    r"|</?(?:system|instructions?|prompt)>|\[/?inst\]|<\|im_(?:start|end)\|>|^\s*system\s*:"
    r"|\b(?:drop|truncate) table\b|\bunion select\b|<script\b|!\[[^\]]*\]\("
    r"|\bignoriere? (?:alle|die|deine)\b.{0,30}anweisung|\bignorez? (?:toutes )?(?:les|tes"
    r"|vos) .{0,20}(?:instructions|consignes)"
    r"|\bignora (?:todas )?(?:las|tus) .{0,20}instrucciones|\bignore (?:todas )?(?:as|suas) .{0,20}instru"
    r"|指示.{0,6}無視|忽略.{0,8}(?:指令|指示|提示)|(?:无视|無視).{0,8}(?:指令|指示|规则)",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER_TENANTS = re.compile(
    r"\b(?:keys?|users?|secrets?|data|logs?|conversations?|names?)\b.{0,30}\b(?:of|from|for|in)\b.{0,12}"
    r"\b(?:(?:an)?other|all|every|each|different) (?:organi[sz]ations?|tenants?|compan(?:y|ies)|customers?)\b"
    r"|\b(?:list|show|dump|give)\b.{0,20}\b(?:all|every|other) (?:organi[sz]ations|tenants|customers)\b",
    re.IGNORECASE,
)
_ORDERS = re.compile(
    r"^(?:please |pls |now |ok(?:ay)?,? |just |can you |could you |would you |will you )*"
    r"(?:delete|remove|revoke|rotate|rename|create|make|disable|restore|grant|give|promote|set|raise|increase)\b"
    r"(?=.*\b(?:for me|right now|immediately|at once|now|go ahead|on my behalf|do it|yourself)\b)"
    r"(?!.*(?:\b(?:how|why|what|which|where|not|cannot)\b|n't\b))",
    re.IGNORECASE | re.DOTALL,
)
_HUMAN = re.compile(
    r"\b(?:talk|speak|chat|connect|transfer|put|hand|escalate)\b.{0,25}\b(?:human|real person|someone|somebody"
    r"|(?:live|real) agent"
    r"|representative|support|engineer|manager)\b|\bcontact (?:your |the )?support\b|\b(?:open|file|create"
    r"|raise) a (?:support )?ticket\b",
    re.IGNORECASE,
)
_MAKE_ADMIN = re.compile(
    r"\b(?:make|promote|appoint) (?!(?:the|an|my|our|your|any|every|no|sure|organi[sz]ation|agent)\b)\w{2,20}"
    r"(?: to)?(?: an?| the| our)?(?: organi[sz]ation| org| agent)?[ -]?admin(?:istrator)?\b"
    r"|\bgive (?:me|him|her|\w{2,20}) (?:the )?admin\b"
    r"|\bmach\w* (?:mich|ihn|sie) zum (?:\w+-)?admin|\bfais de moi un admin|\bhazme admin|\bme torne admin"
    r"|管理者にして|(?:设为|让我当)管理员",
    re.IGNORECASE,
)
"""Wishes for another role. They are no orders: the answer says who can change roles, and where."""
_WHO_DID = re.compile(
    r"\b(?:who|when|by whom)\b(?! (?:can|may|could|should|is allowed|are allowed)\b).{0,30}"
    r"\b(?:delet|creat|rotat|renam|revok|remov|made|did (?:it|that|this)|chang|add)"
    r"|\b(?:wer|wann)\b.{0,40}(?:gelöscht|erstellt|rotiert|umbenannt|angelegt|geändert)"
    r"|\b(?:qui|quand)\b.{0,30}(?:supprim|créé|renomm)|\b(?:quién|cuándo)\b.{0,20}(?:borr|elimin|cre[óa]|rot[óa])"
    r"|\b(?:quem|quando)\b.{0,20}(?:apag|exclu|criou|mudou)|誰が.{0,12}(?:削除|作成|変更)|谁.{0,6}(?:删|创建|改|轮换)",
    re.IGNORECASE,
)

_GOES_ON = re.compile(
    r"^(?:and|but|so|then|also|ok(?:ay)?,? (?:and|but|so|then)|what about|how about|what if|(?:why|who|when)\W*$"
    r"|since when"
    r"|which one|how come|really|are you sure|the (?:other|first|second|third|last|same)|that one|this one|not that"
    r"|no,? (?:the|i mean)|i mean|it('s)?\b|that('s)?\b|they\b|same\b|again\b|still\b|yes,?\s|go on|tell me more|more\b"
    r"|und\b|aber\b|(?:warum|wer|wann)\W*$|der andere|die andere|das andere|und der|welcher|et\b|mais\b|(?:pourquoi"
    r"|qui|quand)\W*$|l'autre"
    r"|lequel|laquelle|y\b|pero\b|(?:por qué|quién|cuándo)\W*$|el otro|la otra|¿cuál|e\b|mas\b|(?:por quê|por que"
    r"|quem|quando)\W*$|o outro|a outra"
    r"|では|それ|その|もう一つ|他の|(?:なぜ|誰が?|いつ)\W*$|那|它|这个|另一个|(?:为什么|谁|什么时候)\W*$|还有)",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|this(?! (?:morning|afternoon|evening|week|month|year|time)\b)|those|these|them|they|he|she|one"
    r"|ones|there|then|former|latter)\b"
    r"|\b(?:das|es|ihn|ihm|dieser|diese|dieses|davon)\b|\b(?:ça|cela|celle-là|celui-ci|le|la|l')\b|\b(?:eso|esa|ese"
    r"|lo|la)\b"
    r"|\b(?:isso|essa|esse|ele|ela)\b|それ|その|これ|它|这|那",
    re.IGNORECASE,
)
_OF_ITS_OWN = re.compile(
    r"\b(?:api ?keys?|keys?|secret|token|scope|quota|rate limit|schlüssel|clé|clave|chave)\b|キー|密钥|key",
    re.IGNORECASE,
)
_FOLLOW_UP_LENGTH_AT_MOST = 120
_FOLLOW_UP_WORDS_AT_MOST = 9
_FOLLOW_UP_LETTERS_AT_MOST = 24
"""The limit for languages without spaces between words, such as Chinese and Japanese."""
_ANEW = re.compile(
    r"\b(?:new|another|different|other|next|separate|unrelated) (?:question|problem|issue|topic|thing)\b"
    r"|\bsomething else\b"
    r"|\bby the way\b|\bbtw\b|\b(?:andere|neue) frage\b|\bautre question\b|\botra pregunta\b|\boutra pergunta\b"
    r"|別の質問|另一个问题",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？]|\b(?:how|why|what|which|who|where|when|can i|could i|do i|is there|does|wie|warum|wer|was|wo|wann|comment"
    r"|pourquoi"
    r"|quand|où|cómo|qué|dónde|cuándo|como|por que|onde|quando)\b|ですか|ますか|なぜ|どう|吗|怎么|为什么|如何",
    re.IGNORECASE,
)


def evidence(text: str, found: Entities) -> dict[Topic, float]:
    """Log-odds for topics, from the text's entities and from phrases that leave no doubt."""
    odds: defaultdict[Topic, float] = defaultdict(float)
    wants_role = bool(_MAKE_ADMIN.search(text))
    is_order = bool(_ORDERS.search(text)) and not wants_role
    if _TURNING.search(text) or _OTHER_TENANTS.search(text) or is_order:
        odds[Topic.OFF_TOPIC] += _DECIDES
        return dict(odds)
    if wants_role:
        odds[Topic.CHANGE_ROLE] += _STRONG
    if _WHO_DID.search(text):
        odds[Topic.HISTORY] += _STRONG
    if _HUMAN.search(text):
        odds[Topic.HUMAN] += _STRONG
    asks_beyond = bool(odds)
    for topic in {_BY_CODE[code] for code in found.codes if code in _BY_CODE}:
        odds[topic] += _HINTS_AT if asks_beyond else _DECIDES
    for topic in {_BY_STATUS[status] for status in found.status_codes if status in _BY_STATUS}:
        odds[topic] += _HINTS_AT if asks_beyond else _STRONG / 2
    if found.request_ids and not odds:
        odds[Topic.CALL_FAILS] += _STRONG
    if found.has_pasted_key and _ONLY_MARKS.fullmatch(text):
        odds[Topic.KEY_STATE] += _DECIDES
    elif found.request_ids and _ONLY_MARKS.fullmatch(text):
        odds[Topic.CALL_FAILS] += _DECIDES
    elif (found.hints or found.ids or found.has_pasted_other) and _ONLY_MARKS.fullmatch(text):
        odds[Topic.KEY_STATE] += _STRONG
    return dict(odds)


def is_follow_up(text: str, found: Entities) -> bool:
    """Whether the message makes sense only after another one: *and who did that?*, *the other one*, *why?*"""
    if len(text) > _FOLLOW_UP_LENGTH_AT_MOST:
        return False
    said = text.strip()
    words = said.split()
    if len(words) > _FOLLOW_UP_WORDS_AT_MOST or (len(words) < 3 and len(said) > 2 * _FOLLOW_UP_LETTERS_AT_MOST):
        return False
    if not said.isascii() and len(words) <= 2 and len(said) > _FOLLOW_UP_LETTERS_AT_MOST:
        return False
    says_of_what = _says_something(found) or _OF_ITS_OWN.search(said)
    return not says_of_what and bool(_GOES_ON.match(said.lstrip("¿¡ ")) or _POINTS_BACK.search(said))


def asks_anew(text: str, found: Entities, follows_up: bool) -> bool:
    """Whether the message is a new question, and not a remark, thanks or a continuation."""
    if _ANEW.search(text):
        return True
    return not follows_up and (_says_something(found) or bool(_ASKS.search(text) and len(text.strip()) > 2))


def _says_something(found: Entities) -> bool:
    return bool(
        found.status_codes or found.request_ids or found.codes or found.has_pasted_key or found.hints or found.ids
    )
