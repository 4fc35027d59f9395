"""
The sentences, in seven languages, by which people tell the cause of a failing call.

Only patterns that leave little doubt are here; a classifier reads the rest.
"""

import re

from assistant.intents.causes import Sign

_KEY = (
    r"(?:api[- ]?)?(?:keys?|tokens?|secrets?|credentials?|schlüssels?|clés?|claves?|chaves?|llaves?"
    r"|キー|鍵|トークン|密钥|令牌)"
)
_HEADER = r"(?:header|headers|kopfzeile|en-tête|entête|cabecera|encabezado|cabeçalho|ヘッダー?|请求头|頭|头部)"
_VARIABLE = (
    r"(?:(?:env(?:ironment)?|umgebungs|system)?[ -]?(?:variables?|vars?)|umgebungsvariable|variable d'environnement"
    r"|variables? de entorno|variáve(?:l|is)(?: de ambiente)?|環境変数|变量|环境变量|env)"
)
_EMPTY = (
    r"(?:empty|blank|unset|undefined|null|none|nil|missing|not (?:set|defined|there|exported)|leer|nicht (?:gesetzt"
    r"|da|definiert)"
    r"|vide|vides|non définie?|pas définie?|absente?|vacía?s?|no (?:está|estaba) definid[ao]|sin definir|vazi[ao]s?"
    r"|não (?:está|estava|foi) definid[ao]|空|未設定|設定されていな|为空|没设|没有设|未设)"
)
_GAP = r"[^.!?。！？\n]{0,24}"
_SHORT = r"[^.!?。！？\n]{0,12}"

_TABLE: tuple[tuple[Sign, str], ...] = (
    # ------------------------------------------------------------------------------------------------------- missing
    (
        Sign.EMPTY_VARIABLE,
        rf"\b{_VARIABLE}\b{_GAP}(?:\b|(?=[空未設为没])){_EMPTY}|(?:環境変数|变量|环境变量)\w{{0,8}}(?:空|未設定"
        rf"|設定されていな|没设|没有设|未设|为空)"
        rf"|\b(?:empty|unset|undefined|missing) (?:env(?:ironment)? )?(?:variable|var)\b|\bforgot to (?:set|export"
        rf"|define)\b{_GAP}"
        rf"(?:{_VARIABLE}|{_KEY})|\b{_KEY} (?:is|was|are|were|ist|war|est|était|es|estaba|está|estava) "
        rf"(?:empty|blank|undefined|null|none|nil|leer|vide|vacía|vazia)\b|(?:キー|密钥)\w{{0,3}}(?:空|undefined|null)"
        r"|\bsen(?:d|ds|t|ding) (?:an? )?(?:empty|blank|null|undefined) (?:key|token|string|value|header"
        r"|authorization)",
    ),
    (
        Sign.NOT_SENT,
        rf"\b{_HEADER}\b{_SHORT} (?:is|was|are|were|ist|war|kommt|kam|est|était|arrive|es|estaba|llega|está|estava"
        rf"|chega) "
        rf"(?:\w{{1,10}} )?{_EMPTY}|\bempty (?:authorization |auth |x-api-key )?header\b"
        rf"|leere[rnm]? (?:authorization-?|auth-?)?header"
        rf"|\b(?:en-tête|cabecera|cabeçalho)\b (?:authorization )?(?:vide|vacía|vazio)|ヘッダー?\w{{0,4}}空"
        rf"|(?:请求)?头\w{{0,3}}为?空"
        rf"|\bno (?:api[- ]?)?(?:key|token|header|credentials?) (?:was |is |were |has been )?(?:sent|arriv\w+"
        rf"|reach\w+|present|received|attached|passed)"
        rf"|\b(?:forgot|forget|forgotten) (?:to (?:send|add|include|attach|pass|put) )?(?:the |my "
        rf"|an? )?(?:authorization |auth |x-api-key |api[- ]?key )?(?:header|key)\b"
        rf"|\b(?:didn't|did not|doesn't|does not|don't|isn't|wasn't|never) (?:actually |even )?(?:send(?:ing)?"
        rf"|includ\w+|attach\w*|pass(?:ing)?|add(?:ing)?|sent|set)"
        rf" (?:the |my |any |an? )?(?:authorization |auth |x-api-key |api[- ]?key )?(?:header|key|token)\b"
        rf"|\b(?:authorization|x-api-key) (?:header )?(?:is|was|gets|got) (?:not sent|never sent|missing|gone|lost)"
        rf"|\bkein(?:en)? (?:schlüssel|key|header)\b{_GAP}(?:gesendet|geschickt|mitgeschickt|mitgesendet|mitsende"
        rf"|mitschicke|übergeben|angekommen)"
        rf"|\b(?:aucune? (?:clé|en-tête)\b{_GAP}(?:envoyée?|reçue?|transmise?)|sans (?:la |l'|ma )?(?:clé|en-tête)\b)"
        rf"|\b(?:no (?:se )?(?:envío|envía|manda|llega|mando|enviaba)|sin enviar)\b{_SHORT}(?:clave|cabecera)"
        rf"|\b(?:não (?:envi\w+|mand\w+|cheg\w+)|sem enviar)\b{_SHORT}(?:chave|cabeçalho)"
        r"|キー(?:が|を|は)(?:送られて|送信されて|付いて|渡されて|届いて|送って|付けて)(?:い)?な|ヘッダー?(?:が"
        r"|を)(?:付いて|付けて|送って|送られて)(?:い)?な"
        r"|(?:没有?|忘(?:了|记)?)(?:带|传|发送?|加)(?:上)?(?:key|密钥|请求头|header)",
    ),
    (
        Sign.DROPPED_ON_THE_WAY,
        rf"\b(?:proxy|proxies|redirect(?:s|ion)?|nginx|apache|traefik|envoy|caddy|haproxy|iis|cloudfront|cloudflare"
        rf"|cdn|gateway|load balancer|lb|ingress"
        rf"|istio|kong|varnish|f5|waf|weiterleitung|redirección|redirecionamento|php-fpm|mod_php|fastcgi)\b{_GAP}"
        r"(?:strips?|stripped|stripping|drops?|dropped|dropping|removes?|removed|removing|eats?|ate|swallow\w*"
        r"|discards?|loses?|lost|throws? away"
        r"|entfernt|verwirft|verschluckt|schneidet|wirft|löscht|supprime|enlève|retire|perd|mange|quita|elimina"
        r"|pierde|borra|come|remove|tira|perde|descarta)"
        rf"{_GAP}(?:header|authorization|x-api-key|kopfzeile|en-tête|cabecera|encabezado|cabeçalho|key|clé|clave"
        rf"|chave)"
        r"|\b(?:header|authorization|x-api-key|kopfzeile|en-tête|cabecera|cabeçalho)\b[^.!?\n]{0,30}\b(?:stripped"
        r"|dropped|removed|eaten|swallowed|lost|gone"
        r"|disappears?|entfernt|verworfen|verloren|verschluckt|supprimée?|perdue?|enlevée?|elimina|pierde|pierden"
        r"|quita|perdid[ao]|removid[ao]|descartad[ao])\b"
        r"|(?:プロキシ|リダイレクト|nginx|ロードバランサ\w?)[^。\n]{0,16}(?:ヘッダー?|authorization)[^。\n]{0,8}(?:消"
        r"|落と|削|外)"
        r"|(?:代理|nginx|重定向|跳转|网关|cdn)[^。\n]{0,12}(?:去掉|丢|删|吃|剥|过滤)[^。\n]{0,6}(?:头|header"
        r"|authorization)",
    ),
    # ----------------------------------------------------------------------------------------------------- malformed
    (
        Sign.LINE_BREAK,
        r"\b(?:trailing |extra |stray |hidden |ending )?(?:new ?lines?|new-lines?|line ?breaks?|line ?feeds?"
        r"|line endings?|carriage returns?|crlf|\\r\\n|\\n|\\r|zeilenumbrüche?|zeilenumbruch|zeilenende"
        r"|saut(?:s)? de ligne|retour(?:s)? (?:à la ligne|chariot)|salto(?:s)? de línea|retorno(?:s)? de carro"
        r"|quebra(?:s)? de linha)(?:(?<=[nr])|\b)"
        r"|改行|换行|換行|回车",
    ),
    (
        Sign.WHITE_SPACE,
        r"\b(?:trailing|extra|leading|stray|hidden|additional) (?:white)?spaces?\b|\bspaces? (?:at the (?:end"
        r"|beginning)|(?:before|after|around|in) (?:the|my) (?:key|token))"
        r"|\bleerzeichen (?:am (?:ende|anfang)|im schlüssel|hinter|vor|nach)|\bespaces? (?:à la fin|en trop|au début"
        r"|invisible)|\bespacio (?:al final|de más|extra|al principio)"
        r"|\bespaço (?:no (?:final|fim|início|começo)|a mais|extra|sobrando)|(?:末尾|先頭|余計な"
        r"|余分な)[^。\n]{0,6}(?:スペース|空白)"
        r"|(?:多了?(?:个|一个)?|末尾|前面|后面)[^。\n]{0,4}空格",
    ),
    (
        Sign.QUOTED,
        rf"\b(?:quotes?|quotation marks|inverted commas)\b{_SHORT}(?:around|were|are|kept|included|part of"
        rf"|in the (?:value|key|env|header)|got in)"
        rf"|\b(?:with|in|inside|includes?|including|kept|keeps|contains?|has|had|literal) (?:the |double |single "
        rf"|its |literal |extra )?(?:quotes|quotation marks)\b"
        rf"|\banführungszeichen\b|\bguillemets\b|\bcomillas\b|\baspas\b|引用符|クォート|ダブルクォ|引号",
    ),
    (
        Sign.NOT_ASCII,
        r"\b(?:byte order mark|with (?:a )?bom|utf-?8 bom|bom at the (?:start|beginning)|zero[- ]width|curly quotes"
        r"|smart quotes|non-?breaking space|unsichtbare[sn]? zeichen|caractère invisible|carácter invisible"
        r"|caractere invisível)\b"
        r"|\bbom\b(?= (?:or|oder|ou|o)\b)|ゼロ幅|全角スペース|不可见字符|零宽|全角",
    ),
    (
        Sign.BEARER_TWICE,
        r"\bbearer(?:['\"”]?,? and (?:then )?['\"“]?|['\" ]{1,3})bearer\b|\b(?:twice|double[d]?|two times|doppelt"
        r"|zweimal|deux fois|dos veces|duas vezes)\b[^.!?\n]{0,20}\bbearer\b|\bbearer\b[^.!?\n]{0,20}\b(?:twice"
        r"|two times|double[d]?|doppelt|zweimal|deux fois|en double|dos veces|duplicado|duas vezes)\b"
        r"|bearer\W{0,2}(?:が|を)?(?:二重|2回|二回|重複)|(?:两个|重复|两次|两遍)[^。\n]{0,4}bearer"
        r"|bearer[^。\n]{0,6}(?:两遍|两次|重复)",
    ),
    (
        Sign.BEARER_WITHOUT_SPACE,
        r"\b(?:no|missing|without (?:a )?|forgot (?:the|a) ) ?space (?:after|between"
        r"|behind) (?:the word )?['\"“]?bearer|\bspace after ['\"“]?bearer['\"”]? (?:was|is) missing"
        r"|\bleerzeichen (?:nach|hinter) bearer|\bespace après bearer|\bespacio (?:después|detrás) de bearer"
        r"|\bespaço (?:depois|após) (?:de |do )?bearer|bearer(?:の後|のあと)[^。\n]{0,6}スペース"
        r"|bearer\s?后面?[^。\n]{0,6}空格",
    ),
    (
        Sign.NO_BEARER,
        r"\b(?:without|forgot|forgotten|missing|left out|lacked|lacks|omitted|no) (?:the |an? |to (?:write|add"
        r"|put) )?(?:word |prefix |scheme )?['\"“]?bearer\b(?! token)|\b(?:ohne|vergessen) (?:das "
        r"|dem )?(?:wort )?['\"„]?bearer\b|\bsans (?:le )?(?:mot )?['\"« ]{0,2}bearer\b"
        r"|\bsin (?:la palabra )?['\"« ]{0,2}bearer\b|\bsem (?:a palavra |o )?['\"]?bearer\b|bearer(?:を"
        r"|が)?\s?(?:付け忘れ"
        r"|なし|無し|抜け)|(?:没有?|忘(?:了|记)?)(?:加|写|带)\s?bearer",
    ),
    (
        Sign.OTHER_SCHEME,
        r"\b(?:basic auth(?:entication)?|scheme (?:is |was )?(?:basic|token|apikey)|another scheme than bearer|(?:as"
        r"|with|using|via) basic\b)(?![^.!?\n]{0,20}\b(?:console|sign))",
    ),
    (
        Sign.OTHER_HEADER,
        r"\b(?:wrong|misspelled|misnamed|mistyped|incorrect|different|other) (?:http |request )?header(?: name)?\b"
        r"|\bheader (?:name )?(?:is|was) (?:wrong|misspelled|misnamed|mistyped|called)\b|\bfalsche[rnm]? (?:header"
        r"|kopfzeile)|\bmauvais(?:e)? (?:en-tête|header)|\b(?:cabecera|header|encabezado) (?:equivocad|incorrect)[ao]"
        r"|\b(?:cabeçalho|header) (?:errado|incorreto)|ヘッダー?名?が?(?:違|間違)|(?:请求)?头(?:的?名字?)?(?:写错"
        r"|错了|不对)",
    ),
    (
        Sign.IN_ADDRESS,
        r"\b(?:key|token)\b[^.!?\n]{0,20} (?:in|as an?|to) (?:the |a )?(?:url|query(?: string| parameter)?"
        r"|querystring|get parameter)\b|\b(?:as|in) (?:an? |the )?query (?:string|param\w*)\b|\bin der url\b"
        r"|\bdans l'url\b|\ben la url\b|\bna url\b|URLに(?:キー|付け|入れ)|(?:放|写)在\s?(?:url|URL|查询参数)",
    ),
    (
        Sign.CUT_SHORT,
        rf"\b(?:truncated|cut ?-?off|cut short|incomplete|shortened|half of the|only (?:the )?(?:first|half|part)"
        rf"|last (?:few )?(?:characters?|letters?) (?:is|are|was|were) missing|too short|abgeschnitten|unvollständig"
        rf"|gekürzt|tronquée?|incomplète?|coupée?|cortad[ao]|incomplet[ao]|truncad[ao])\b(?={_GAP}\b{_KEY})"
        rf"|\b{_KEY}\b{_GAP}\b(?:truncated|cut ?-?off|cut short|incomplete|shortened|too short|not (?:the )?whole"
        rf"|abgeschnitten|unvollständig|gekürzt|tronquée?|incomplète?|coupée?|cortad[ao]|incomplet[ao]|truncad[ao])\b"
        r"|(?:キー|トークン)[^。\n]{0,10}(?:途中で切れ|欠け|短)|(?:密钥|key)[^。\n]{0,10}(?:截断|不完整|少了|没复制全"
        r"|被截)",
    ),
    (
        Sign.HINT_OR_ID,
        r"\b(?:copied|pasted|used|sent|using|took|with|entered|put) (?:only )?(?:the |its |that )?(?:key'?s )?(?:hint"
        r"|id|key id|name of the key|thing (?:that's |that is )?(?:displayed|shown)|masked (?:key|one|version)"
        r"|shortened (?:key|one|version)|short version)\b(?! of (?:the )?request)"
        r"|\b(?:statt|anstatt)[^.!?\n]{0,20}\b(?:hinweis|id|kürzel)\b|\b(?:hint|id) (?:instead of"
        r"|rather than) (?:the |my )?(?:key|secret)\b|\b(?:l'identifiant|l'id) (?:au lieu|à la place) de la clé"
        r"|\b(?:id|identificador) en (?:vez|lugar) de la clave|\b(?:id|identificador) (?:em vez|no lugar) da chave"
        r"|(?:ID|ヒント)を(?:キー|コピー)|(?:复制|用)(?:的是|了)[^。\n]{0,6}(?:提示|id|ID|名称)",
    ),
    (
        Sign.MASKED,
        r"\b(?:asterisks|stars|dots|bullets|sternchen|astérisques|asteriscos|masked (?:key|value)|masqué[e]?"
        r"|enmascarad[ao]|mascarad[ao])\b|伏せ字|星号|打码",
    ),
    (Sign.BASE64, r"\bbase ?64\b"),
    # --------------------------------------------------------------------------------------- unknown, another issuer
    (
        Sign.OTHER_VENDOR,
        r"\b(?:my |our |the |an? |with |of |from )(?:openai|open ai|anthropic|claude|gemini|google|stripe|github"
        r"|gitlab|aws|azure|slack|hugging ?face|mistral|twilio|sendgrid)(?:'s)?[ -](?:api[- ]?)?(?:key|token"
        r"|schlüssel)\b"
        r"|\b(?:schlüssel|clé|clave|chave|key|token) (?:von|de|d'|do|da|from|of) (?:openai|anthropic|stripe|github"
        r"|gitlab|aws|azure|slack|google|mistral)\b"
        r"|(?:openai|anthropic|stripe|github|google|aws|azure)\s?(?:の|的)\s?(?:api\s?)?(?:キー|密钥|key)",
    ),
    (
        Sign.OTHER_INSTALLATION,
        rf"\b{_KEY}(?: \S{{1,20}})? (?:is|was|came|comes|stems|belongs|ist|war|kommt|stammt|est|vient|es|era|viene|é"
        rf"|vem) "
        r"(?:for|from|of|to|für|von|vom|aus|pour|de|du|del|do|da) (?:the |an? |our |der |dem |den |la |le |l'|el |o "
        r"|a )?"
        r"(?:(?:staging|stage|test(?:ing|umgebung|system|server)?|sandbox|dev(?:elopment)?|prod(?:uction)?|preprod|qa"
        r"|demo)\b"
        r"|(?:other|another|different|wrong|anderen?|autre|otr[oa]|outr[oa]|old|former|previous)[ -]?(?:environment"
        r"|env|installation|instance"
        r"|system|server|stage|tenant|account|organi[sz]ation|org|company|cluster|umgebung|instanz|firma"
        r"|environnement|entorno|ambiente"
        r"|servidor|instancia|conta|cuenta|compte|empresa)\b)"
        r"|\b(?:staging|sandbox|test|dev|production|prod|preprod|demo)[ -](?:api[- ]?)?(?:key|token|schlüssel) (?:in"
        r"|on|against|for|at|with|used in|im|in der|gegen|auf) (?:the |our |der |dem )?(?:prod|production|live"
        r"|staging|stage|test|dev|wrong|other)"
        r"|\bclé (?:de|du) (?:test|staging|préprod|dev)\w{0,10} (?:en|sur|dans) |\bclave de (?:pruebas?|test|staging"
        r"|desarrollo) en \w|\bchave d[eo] (?:teste|homologação|staging|desenvolvimento) (?:em|no|na) "
        r"|(?:テスト|検証|開発|ステージング|別の?)(?:環境|組織|サーバー?)(?:用)?の(?:api\s?)?(?:キー|鍵)|(?:测试|开发"
        r"|预发|别的|另一个)(?:环境|组织"
        r"|系统)?的\s?(?:api\s?)?(?:key|密钥)",
    ),
    # ---------------------------------------------------------------------------------------------- deleted, replaced
    (
        Sign.SAID_DELETED,
        rf"\b(?:somebody|someone|colleague|coworker|co-worker|he|she|they|we|i|admin|boss|intern|team|it) (?:has "
        rf"|have |had |just |already |accidentally |probably |apparently |must have |may have "
        rf"|might have ){{0,3}}(?:deleted|revoked|removed|killed) (?:the |my |our |that |this |a |it\b|his "
        rf"|her )(?:\w{{1,20}} )?{_KEY}"
        rf"|\b{_KEY}\b(?: \S{{1,24}})? (?:was|were|is|has been|have been|had been|got|been"
        rf"|be) (?:\w{{1,14}} )?(?:deleted|revoked|removed from the (?:list|console))"
        rf"|\b(?:deleted|revoked) {_KEY}\b|\bcredential deleted\b"
        rf"|\b(?:schlüssel|key)\b{_GAP}\b(?:gelöscht|widerrufen|entfernt)\b|\bclés?\b{_GAP}\b(?:supprimée?s?"
        rf"|révoquée?s?|effacée?s?)\b"
        rf"|\b(?:claves?|llaves?)\b{_GAP}\b(?:borrad[ao]s?|eliminad[ao]s?|revocad[ao]s?)\b|\b(?:borr|elimin"
        rf"|revoc)(?:ó|aron|aste|é|aba) (?:la|mi|nuestra|una) (?:clave|llave)|\bchaves?\b{_GAP}\b(?:apagad[ao]s?"
        rf"|excluíd[ao]s?|deletad[ao]s?|revogad[ao]s?)\b|\b(?:apag|exclu|delet|revog)(?:ou|aram|íram|iu|ei) (?:a"
        rf"|minha|nossa) chave"
        r"|キー(?:が|を|は)[^。\n]{0,8}(?:削除され|消され|削除した|失効|無効化され|消し)|(?:密钥"
        r"|key)[^。？?\n]{0,8}(?:被删|被吊销|被撤销|删掉了|删了|删除了|作废)",
    ),
    (
        Sign.OLD_SECRET,
        r"\b(?:still|keeps|kept) (?:has|have|uses?|using|sends?|sending|had|holds?|reads?|reading|picks? up"
        r"|on) (?:the |an |its |our |my )?(?:old|previous|outdated|former|stale) (?:api[- ]?)?(?:key|secret|token|one"
        r"|value|credentials?)"
        r"|\b(?:old|previous|outdated|stale|cached) (?:api[- ]?)?(?:key|secret|token|credentials?)(?: is| was|'s"
        r"|s are)? (?:still |baked|cached|in the build|in (?:the|our|its|their) (?:cache|image|config|env|build|app"
        r"|secret))"
        r"|\b(?:since|after|once|ever since) (?:we |you |i |they |he |she |the |my |our |somebody |someone "
        r"|a )?(?:\w{1,16} )?(?:rotated|rotating|rotation|regenerated|regenerating|rolled the key|replaced the secret"
        r"|new secret)\b"
        r"|\b(?:noch|immer noch) (?:den |das |mit dem |mit |der )?(?:alten?|vorigen?|vorherigen?) (?:schlüssel|secret"
        r"|key|geheimnis|wert)|\b(?:seit|nach) (?:der|dem|wir|ich)? ?(?:letzten )?(?:rotation|rotieren|rotiert"
        r"|schlüsselwechsel|schlüsseltausch)"
        r"|\b(?:encore|toujours) (?:l'ancienne?|avec l'ancienne?|l'ancien)\b|\b(?:depuis|après) (?:la |une "
        r"|notre )?rotation\b|\b(?:todavía|aún|sigue|siguen) (?:usa\w*|tiene\w*|con|usando|teniendo"
        r"|envía\w*) (?:con )?(?:la|el|su) (?:clave |secreto )?(?:antigu|viej|anterior)|\b(?:desde|tras"
        r"|después de) (?:que )?(?:la )?(?:rotamos|rotar|rotaron|rotación)"
        r"|\b(?:ainda|continua\w*) (?:usa\w*|tem|com|usando|envia\w*|está com) (?:com )?(?:a|o|sua) (?:chave "
        r"|segredo )?(?:antig|velh|anterior)|\b(?:desde|depois|após) (?:que |de |da )?(?:a )?(?:rotação|rotacion\w+"
        r"|rotacionar|girar)"
        r"|(?:まだ)?(?:古い|以前の|前の|旧)(?:シークレット|キー|鍵|トークン)(?:が|を|の(?:まま))[^。\n]{0,6}(?:使|残"
        r"|まま|送)|ローテーション(?:した)?(?:後|して|以降"
        r"|から|あと)|(?:还|仍|依然)[^。\n]{0,4}(?:用|是|在用)[^。\n]{0,3}(?:旧|老|以前)的?(?:密钥|key|secret)?"
        r"|轮换(?:了|之后|以后|后|完)",
    ),
    # ---------------------------------------------------------------------------------------------------- wrong agent
    (
        Sign.OTHER_AGENT,
        rf"\b{_KEY}\b[^.!?\n]{{0,20}} (?:is|was|made|created|belongs|scoped|meant|only|valid) (?:\w{{1,10}} )?(?:for"
        rf"|to) (?:the |an? )?(?:other|another|different|wrong|one|single|first) (?:agent|bot)\b"
        rf"|\b(?:wrong|other|another|different) agent'?s? (?:api[- ]?)?key\b|\bkey (?:of|for|from) (?:the "
        rf"|an? )?(?:wrong|other|another|different) (?:agent|bot)\b"
        rf"|\b(?:works?|fine|ok|okay|good|can call|klappt|geht|läuft|funktioniert|marche|fonctionne"
        rf"|funciona)\b[^.!?\n]{{0,30}}\b(?:agent|agente|bot|agenten)\b[^.!?\n]{{0,40}}\b(?:but not|not (?:for|on"
        rf"|with)|aber nicht|nicht (?:für|bei|beim)|mais pas|pero no|mas não)\b"
        rf"|\b(?:schlüssel|key)\b{_GAP}(?:für|von) (?:einen|einem|den|dem)? ?(?:anderen|falschen|andere) agent"
        rf"|\bclé\b{_GAP}(?:d'un|pour un|de l'|pour l'|à un) ?(?:autre|mauvais) agent|\bclave\b{_GAP}(?:de|para"
        rf"|a) (?:otro|un solo|el otro) agente|\bchave\b{_GAP}(?:de|para|do) (?:outro|um só) agente"
        r"|別の?エージェント(?:用|の)[^。\n]{0,6}(?:キー|鍵)|(?:别的|另一个|其他)\s?(?:agent|代理"
        r"|智能体)\s?的?\s?(?:key|密钥)",
    ),
    # --------------------------------------------------------------------------------------------------------- limits
    (
        Sign.USED_UP,
        rf"\b(?:monthly |month's |our |the )?(?:quota|allowance|budget|contingent|kontingent)\b{_GAP}\b(?:used up"
        rf"|exceeded|exhausted|eaten|gone|reached|over|spent|empty|full|burn(?:ed|t)|consumed|aufgebraucht|erschöpft"
        rf"|überschritten|verbraucht|leer)\b"
        rf"|\b(?:used up|exceeded|exhausted|ran out of|run out of|over|out of|burn(?:ed|t) through|eats up"
        rf"|hit) (?:all )?(?:of )?(?:the |our |my |your |its |their )?(?:whole |entire |monthly |request )*(?:quota"
        rf"|allowance|contingent)\b|\bmonthly (?:limit|quota|cap)\b"
        rf"|\bquota\b{_GAP}\b(?:épuisé|dépassé|atteint|consommé)\w*|\b(?:cuota|cupo)\b{_GAP}\b(?:agotad|superad"
        rf"|excedid|consumid|acabad|gastad)\w*|\b(?:agot|acab|gast|super|consum)(?:ó|aron|ado|amos|ada) (?:la |el "
        rf"|nuestr[ao] |toda la |todo el )?(?:cuota|cupo)\b|\b(?:cota|quota)\b{_GAP}\b(?:esgotad|estourad|excedid"
        rf"|acabou|consumid|estourou)\w*|\b(?:estour|esgot|acab|exced)(?:ou|amos|aram|ei|eu) (?:a |nossa |toda a "
        rf"|com a )?(?:cota|quota)\b"
        r"|(?:クォータ|クオータ|月間(?:の)?(?:上限|枠)|割り当て)[^。\n]{0,10}(?:使い切|超|達|枯渇|消費)|(?:配额|额度"
        r"|月度限额)[^。\n]{0,8}(?:用完|用光|耗尽|超|没了"
        r"|不够)|(?:用完|用光|耗尽|超过|超出)[^。\n]{0,6}(?:配额|额度)",
    ),
    (
        Sign.TOO_FAST,
        r"\brate[- ]?limit(?:s|ed|ing|er)?\b|\bthrottl(?:ed|ing|e)\b|(?<!429 )(?<!429 \()\btoo many (?:requests"
        r"|calls)\b"
        r"|\b(?:requests|calls) (?:per|a|each) (?:second|minute)\b|\bzu (?:viele|schnelle?) (?:anfragen|requests"
        r"|aufrufe)|\btrop de (?:requêtes|appels)|\bdemasiad[ao]s (?:solicitudes|peticiones|llamadas)"
        r"|\bmuitas (?:requisições|solicitações|chamadas)|レート(?:制限|リミット)|リクエストが多すぎ|(?:限流|限速"
        r"|请求(?:过于|太)频繁|请求太多|频率限制)",
    ),
    # -------------------------------------------------------------------------------------------------------- network
    (
        Sign.OTHER_HOST,
        r"\b(?:wrong|incorrect|old|misspelled|mistyped|another|different) (?:host(?:name)?|base[- ]?url|url|address"
        r"|endpoint|domain|server address)\b|\bbase[- ]?url (?:is|was|still|points?)\b|\bfalsche[rnm]? (?:host"
        r"|adresse|url|endpunkt|domain)|\bmauvais(?:e)? (?:hôte|adresse|url|domaine)|\b(?:url|dirección"
        r"|host) (?:equivocad|incorrect)[ao]|\b(?:url|endereço|host) (?:errad|incorret)[ao]|(?:ホスト|URL|アドレス"
        r"|宛先"
        r"|エンドポイント)が?\s?(?:違|間違)|(?:地址|域名|url|URL|主机)(?:写错|错了|不对|配错)",
    ),
    (
        Sign.NAME_NOT_FOUND,
        r"\bdns (?:error|issue|problem|failure|fails|lookup|resolution|entry|server|fehler|problem)\b|\b(?:can't"
        r"|cannot|could not|couldn't|doesn't|does not) (?:be )?resolved? (?:the )?(?:host|name|domain)|(?:名前解決"
        r"|DNS)(?:が|の)?(?:でき|失敗|エラー)|(?:dns|DNS|域名)\s?(?:解析)?(?:失败|错误|不了)",
    ),
    (
        Sign.TLS,
        r"\b(?:ssl|tls|https)[- ](?:error|errors|problem|certificate|cert|issue|failure|fehler"
        r"|zertifikat)\b|\b(?:self[- ]signed|expired|invalid|untrusted) cert(?:ificate)?s?\b|\bcertificate (?:error"
        r"|expired|problem|not trusted|is not)\b|\bzertifikat(?:s?fehler)?\b|\bcertificat\b|\bcertificado\b|証明書"
        r"|证书",
    ),
    (
        Sign.PROXY,
        r"\b(?:firewall|vpn|proxy|zscaler|waf)\b[^.!?\n]{0,20}\b(?:block(?:s|ed|ing|iert)?|den(?:y|ies|ied)"
        r"|reject(?:s|ed)?|filters?|stops?|stopped|bloque|bloquea\w*|bloqueia\w*|sperrt|blockt)\b|\b(?:blocked"
        r"|stopped|filtered) by (?:the |our |a )?(?:corporate |company )?(?:firewall|proxy|vpn|waf)\b"
        r"|(?:ファイアウォール|プロキシ|VPN)[^。\n]{0,8}(?:ブロック|遮断|止め)|(?:防火墙|代理|vpn"
        r"|VPN)[^。\n]{0,6}(?:拦|挡|屏蔽|阻)",
    ),
)
SENTENCES = tuple((sign, re.compile(pattern, re.IGNORECASE)) for sign, pattern in _TABLE)
"""The patterns of each sign, in the order in which causes are told."""
