"""
The words of the lexicon: for each concept, the words that people use for it in seven languages.

Words are in the form that `normalize.folded` makes: lower case, without accents. A word with `*` matches all words with
this beginning, `_` joins the words of a phrase, and Chinese or Japanese matches anywhere in a text.
"""

WORDS = {
    # Things
    "key": "key keys apikey apikeys token tokens credential* creds schlussel* cle cles clef clefs clave claves llave*"
    " chave* キー トークン 密钥 秘钥 令牌 凭证",
    "secret": "secret secrets geheimnis* secreto* segredo* plaintext plain_text klartext シークレット 明文",
    "agent": "agent agents agenten agente agentes bot bots エージェント 代理",
    "organization": "org orgs organi* company tenant workspace firma entreprise empresa* 組織 组织 公司",
    "other_organization": "another_org* other_org* other_customer* other_tenant* other_companies competitor*"
    " every_tenant every_organization andere_org* anderen_org* autre_org* otra_org* outra_org* globex 他の組織"
    " 别的组织 其他组织",
    "scope": "scope* geltungsbereich* portee* alcance* escopo* resource resources スコープ 作用域 范围",
    "level": "level org_level organization_level agent_level organisationsschlussel* org-level",
    "role": "role roles rolle rollen rol papel papeis 役割 ロール 角色",
    "admin": "admin admins administrator* administrador* administrateur* owner owners root superuser 管理者 管理员",
    "member": "member members membership* mitglied* membre* miembro* membro* viewer* メンバー 成员",
    "colleague": "colleague* coworker* teammate* kolleg* collegue* companero* colega* ben ada eva 同僚 同事",
    "name": "name names naming named label* title description namen bezeichnung nom libelle nombre nome rotulo"
    " etiqueta 名前 名称 名字 ラベル 标签 命名",
    "slot": "slot slots keyallowance allowance platz platze emplacement* place espacio espacios vaga* 枠 名额 位置",
    "header": "header* authorization authorisation kopfzeile* entete* en-tete* cabecera* encabezado* cabecalho*"
    " ヘッダー 请求头 头部",
    "bearer": "bearer x-api-key x_api_key xapikey apikey_header basic_auth",
    "url": "url urls query_string querystring query_param* endpoint* address adresse direccion endereco アドレス 地址",
    "request": "request requests call calls called calling caller* anfrage* aufruf* requete* appel* peticion*"
    " solicitud* llamada* requisic* chamada* invocation* traffic リクエスト 呼び出し 请求 调用",
    "gateway": "gateway* nginx traefik envoy caddy proxy reverse_proxy auth_request passerelle ゲートウェイ 网关",
    "docs": "docs documentation documented document guide manual dokumentation documentacion documentacao tutorial"
    " readme ドキュメント 文档 doc documentaire dokument*",
    "graphql": "graphql graphiql mutation schema createapikey renameapikey rotateapikey deleteapikey",
    "button": "button* knopf bouton boton botao menu menue option grey* gray* ausgegraut grise ボタン 按钮 メニュー"
    " 菜单",
    "page": "page console dashboard settings seite ui portal panel 画面 页面 面板",
    "history": "history audit* log logs trail protokoll verlauf historique journal historial registro historico"
    " event* 履歴 監査 历史 日志 审计 activity_log trace 记录",
    "password": "password* passwort* mot_de_passe contrasena senha パスワード 密码",
    "instructions": "instruction* prompt prompts rules anweisung* instrucciones instrucoes regeln reglas regras"
    " regles 指示 指令 规则 ルール",
    "limit": "limit limits limited limite* limiting limitation* restriction* cap grenze obergrenze tope 制限 上限 限制",
    "rate": "rate rates ratelimit* rate_limit* throughput burst* throttl* gedrosselt brides レート 速率 限流 频率",
    "quota": "quota* kontingent* cuota* cota cotas credits クォータ 割り当て 配额 额度",
    "maximum": "max maximum maximal* maximo* maxed at_most ten eleventh 10_keys ten_keys zehn elften dix onzieme diez"
    " undecima dez decima 最大 最多 十个 第十一",
    "minute": "minute* per_second minuto* second seconds 1分間 每分钟 分钟",
    "month": "month* monthly monat* mois mensuel mes mensual mensal day daily days tag taglich jour dia 月 每月 毎月",
    "money": "price* pricing cost* invoice* bill billing_page refund* pay payment* subscription* credit_card geld"
    " rembours* reembolso* dinero dinheiro 返金 退款 价格 料金",
    "small_talk": "weather joke poem* story homework recipe* cook* bitcoin capital president* world_cup restaurant*"
    " wetter witz gedicht* blague poeme chiste poema piada tiempo_hace tempo_fait 天気 天气 笑话 冗談 詩 诗",
    "elsewhere": "printer* wifi windows iphone car house keyboard drucker imprimante impresora impressora プリンター"
    " 打印机",
    "example": "example* sample* snippet beispiel* exemple* ejemplo* exemplo* curl python javascript postman axios"
    " サンプル 例 示例 例子",
    "environment": "environment* env staging production prod variable* docker server servers servidor serveur"
    " umgebung* サーバー 服务器 环境",
    "ip_address": "ip ips ip_address* user_agent* 陌生_ip",
    "status_page": "outage* status_page maintenance storung* panne caida queda wartung mantenimiento manutencao 障害"
    " メンテナンス 故障 维护",
    "database": "database redis postgres* sqlite backup metrics prometheus",
    "person": "human humans person people somebody someone anybody mensch* menschen humain personne persona pessoa"
    " humano 人間 人工 真人 担当者",
    "support": "support customer_service customer_support helpdesk representative operator_please live_agent"
    " kundendienst conseiller soporte suporte atendimento atencion サポート 客服 技术支持 tech_support forum",
    "ticket": "ticket* complaint* beschweren plaindre quejarme reclamacao chamado phone telephone telefon* telefono"
    " telefone email mail チケット 苦情 電話 工单 投诉 电话 complain* contact_form hotline",
    # Doing
    "create": "create* creat* creating generat* make made makes issu* add adding added obtain get_a get_an need_a"
    " request_a new_key anlegen angelegt erstell* generier* brauche creer generer obtenir besoin crear creo generar"
    " conseguir necesito criar crio gerar preciso 作成 作る 作れ 作り 発行 取得 新建 创建 生成 申请 获取",
    "delete": "delet* remov* revok* revocation destroy* erase get_rid losch* gelosch* entfern* widerruf* supprim*"
    " revoqu* enlev* borr* elimin* revoc* apag* exclu* remover 削除 消す 消し 失効 撤销 删除 删掉 删了",
    "disable": "disabl* deactivat* pause* suspend* turn_off switch_off block blocked shut_off stop stopping"
    " deaktivier* sperren desactiv* desativ* bloque* 無効に 止め 停用 禁用 停掉 暂停",
    "restore": "restor* undelete undo bring_back reactivat* re-enable wiederherstell* ruckgangig restaur* annul*"
    " deshac* desfaz* 復元 取り消 恢复 撤回",
    "rotate": "rotat* regenerat* rollover roll renew* reissu* refresh* recreate overlap* rotier* erneuer*"
    " neu_generieren rotacion* rotar roto tourner renouvel* regenerer regenerar renovar restablecer redefinir"
    " reinitialiser solapamiento chevauchement sobreposicao ローテーション 再生成 再発行 重複期間 轮换 重新生成 重叠",
    "reset": "reset* zurucksetz* zuruckgesetzt reinici* zerada remis_a_zero リセット 重置",
    "rename": "renam* relabel* umbenenn* benenne renomm* renombr* renome* misspelled typo tippfehler リネーム 改名"
    " 重命名 命名",
    "change": "chang* edit* modif* updat* alter* convert* switch* ander* bearbeit* cambi* mudar mudo muda"
    " transform* convertir upgrade* downgrade* 変更 変え 編集 修改 编辑 改",
    "move": "move moved transfer* reassign* assign* migrat* ubertrag* verschieb* deplac* pasar mover passar 移動 移し"
    " 转给 移到",
    "extend": "extend* widen broaden also_for all_agents every_agent alle_agenten tous_les_agents todos_los_agentes"
    " todos_os_agentes second_agent すべてのエージェント 所有_agent 对所有",
    "restrict": "restrict* narrow* limit_to only_for beschrank* restreindre restringir limiter limitar 限定 限制在"
    " 限制到",
    "see": "see seeing view* show* shown display* reveal* visible invisible look look_up sehe sehen anzeig* zeig*"
    " voir vois montre* afficher ver veo muestr* mostrar vejo mostre 見 表示 查看 显示 看",
    "find": "find found search* where_is get_back suche* finde trouver cherch* encuentr* buscar encontr* procurar"
    " 探し 查找 找",
    "list": "list* overview inventory all_keys which_keys liste lista ubersicht existing 一覧 列表 总览",
    "copy": "copy copied copying copier copie kopier* copiar コピー 复制",
    "store": "stor* save* saved saving written_down wrote_down gespeichert enregistr* guard* guardo armazen* 保存 存储",
    "send": "send* sent pass put puts set include* attach schick* envoy* mettre enviar pongo envio coloco 送 入れ"
    " 放在 带",
    "use": "use used uses using usage usages usable utiliz* utilis* benutz* verwend* nutzung uso usar busiest"
    " consumption 使用 使わ 使い 利用 在用 用量",
    "call_with": "call_with authenticate* authentication_method how_to_use use_my sign_in integrate authentifizier*"
    " authentif* autentic* 認証方法 怎么用 怎么认证",
    "raise": "rais* increas* higher more_than more_keys more_requests erhoh* mehr augment* plus_de aument*"
    " mas_de mais_de 増や 引き上げ 増 提高 增加 超过",
    "ask": "ask talk speak contact* reach connect_me forward* escalat* hand_over call_me get_in_touch sprechen"
    " kontakt* weiterleiten parler contacter joindre hablar contactar falar contatar 話したい 連絡 转人工 联系",
    "check": "check* verif* validat* test* inspect pruf* verifi* comprueb* prueb* teste 確認 検証 試 检查 验证 测试",
    "pretend": "pretend* act_as act_like role_play you_are_now jailbreak dan developer_mode debug_mode do_anything"
    " unrestricted no_rules tu_so fais_comme actua_como finja ふりをして 假装",
    "ignore": "ignore* disregard forget_everything forget_all ignoriere ignorez ignora ignorar 無視 忽略",
    "attack": "bypass* hack brute_force get_around guess exploit without_being_noticed dump drop_table select_* rm_-rf",
    "do_it": "for_me please_delete please_create please_rotate right_now go_ahead make_me grant_me fur_mich pour_moi"
    " por_mi para_mim 代わりに 帮我",
    "grant": "grant give access_to invite* rechte_geben zugriff donner dar doy dou 与える 给",
    "cache": "cach* zwischenspeichern en_cache キャッシュ 缓存",
    # Asking
    "how": "how how_to howto wie comment como way_to steps step instructions_for anleitung guia 方法 手順 どうやって"
    " 怎么 如何 步骤",
    "why": "why reason warum wieso pourquoi por_que porque なぜ 原因 为什么 为啥",
    "who": "who whom whose by_whom wer wem qui quem quien quienes 誰 谁",
    "when": "when since_when date wann seit_wann quand cuando quando desde いつ 什么时候 多久",
    "where": "where wo woher ou donde onde どこ 哪里 在哪",
    "which": "which welche* quelle quelles quel quels cual que_claves quais qual どの どれ どんな 哪些 哪个",
    "how_many": "how_many how_much number_of count wie_viele wie_viel anzahl combien nombre_de cuantas cuantos cuanto"
    " quantas quantos quanto いくつ 何個 何回 几个 多少",
    "can": "can could may possible is_it_possible kann konnen darf puis-je peut-on peut puede* posso pode* da_para"
    " できますか 可以 能不能 能",
    "difference": "difference vs versus or_agent compare better unterschied diferencia diferenca 違い 区别",
    "what_is": "what_is what_are what_does meaning mean means explain was_ist bedeutet que_signifie que_veut"
    " qu_est-ce significa o_que_e que_es とは 意味 是什么 意思",
    "allowed": "allow* allowed may_not permitted erlaub* durfen droit permit* permet permitid* 許可 允许",
    "permission": "permission* privilege* rights role_does berechtigung* rechte autorizacion permiso* permissao"
    " permissoes direitos droits 権限 权限",
    # States
    "not": "not no never without cannot can_t cant dont doesn_t doesnt don_t isn_t isnt wont won_t n_t nicht kein"
    " keine keinen pas sans no_puedo nao nunca sin ない ません できません 不 没 没有 无法",
    "work": "work works working functioning funktionier* klappt lauft marche marchent fonctionn* funcion* 動 使え"
    " 能用 好用",
    "stopped": "stopped broke broken dead kaputt casse cassee rota rompe quebrou parou plus_ne dejo_de anymore"
    " any_more no_longer nicht_mehr ya_no ne_marche_plus 壊れ 使えなくなり 坏了 不能用了 用不了 不能用 用不了了",
    "suddenly": "sudden* since yesterday today morning overnight last_night weekend plotzlich gestern heute hier"
    " aujourd_hui ayer hoy ontem hoje 昨日 今朝 突然 昨天 今天",
    "fail": "fail* failure* failing reject* refus* denied decline* error* exception* crash* fehl* fehler abgelehnt*"
    " bricht echec echoue* refuse* plante erreur* fall* rechaz* falha* recusad* erro erros 失敗 エラー 拒否 失败 报错"
    " 拒绝 错误",
    "intermittent": "sometimes intermittent* occasional* sporadic* once_in_a_while half_of manchmal parfois a_veces"
    " as_vezes たり 有时",
    "invalid": "invalid* not_valid incorrect wrong malformed unknown not_recogni* unrecogni* bad ungultig* falsch*"
    " invalide* inconnu incorrect* errad* 無効 無効です 无效 不正确 失效 期限切れ flagged",
    "unauthorized": "unauthori* unauthenticated not_authenticated authentication_error authentication_failed"
    " auth_failed access_not_permitted nicht_autorisiert authentifizierung_fehl* non_autorise* no_autorizado"
    " nao_autorizado 認証 未授权 鉴权 认证失败",
    "forbidden": "forbidden permission_denied access_denied not_in_scope agent_not_in_scope gateway_not_allowed"
    " verboten interdit* prohibid* proibid* 禁止 禁止访问",
    "too_many": "too_many too_much slow_down exceeded exceed over_the_limit used_up exhausted ran_out zu_viele"
    " aufgebraucht uberschritten trop_de epuise* depasse* demasiad* agot* superado muitas_req* acabou excedid* 多すぎ"
    " 超え 使い切 过多 太多 用完 超过 频繁",
    "unavailable": "unavailable down timeout* timed_out time_out unreachable not_reachable not_responding no_response"
    " slow overload* bad_gateway outage ausgefallen nicht_erreichbar antwortet_nicht langsam indisponible en_panne"
    " ne_repond_pas injoignable lent caido no_disponible no_responde lento fora_do_ar indisponivel nao_responde 落ち"
    " 応答しません 遅い タイムアウト 挂了 不可用 没有响应 超时 连不上 慢",
    "server_side": "your_side your_end service dienst servicio servico サービス 服务",
    "full": "full reached taken in_use all_slots no_free out_of limit_reached greyed_out belegt erreicht atteinte"
    " pris ocupad* alcanz* atingido 埋ま 達し 满了 到了",
    "free": "free free_up make_room left remaining remain* available noch_frei ubrig reste* restent libre libres"
    " queda quedan resta restam livre 空き 残っ 剩 还剩 腾出",
    "lost": "lost lose losing misplac* can_t_find cant_find gone verloren verlier* perdu perdi perdre perd* extrav*"
    " なくし 紛失 丢 弄丢 找回 pierd* perde* forgor misplace",
    "forgot": "forgot* forget closed_the missed vergessen oublie* olvid* esquec* fermee し忘れ 忘记 忘了",
    "again": "again once_more second_time resend recover* retrieve* noch_einmal nochmal erneut a_nouveau revoir"
    " otra_vez de_nuevo de_novo outra_vez もう一度 再表示 再送 再 重新显示 recuper* recover_a",
    "masked": "masked hidden hint dots only_shows partial beginning_and_end 先頭 开头",
    "once": "once only_once shown_once einmal une_seule una_sola uma_vez 一度だけ 一次",
    "leaked": "leak* expos* compromis* publish* public publicly committed commited pushed github gitlab repo"
    " repository screenshot pasted posted stolen steal* hacked hack geleakt veroffentlicht offentlich* kompromittiert"
    " gestohlen gepostet fuite publie* volee vole compromise filtr* publi* robaron robad* vazou vazada vazamento"
    " roubaram colei pegue 漏れ 漏洩 盗ま 公開 泄露 公开 被盗 盗用",
    "stranger": "someone_else somebody_else stranger* unknown_ip* suspicious unexplained ex_employee former fremde"
    " jemand_anderes quelqu_un_d_autre inconnues alguien_mas desconocid* outra_pessoa desconhecid* 誰かが 知らない"
    " 陌生 有人在用",
    "urgent": "urgent* immediately at_once right_away asap emergency now sofort tout_de_suite ahora ya agora すぐ 马上",
    "happened": "happen* did_it did_that was_it passiert arrive paso aconteceu 起き 发生 干的",
    "gone": "disappear* vanish* missing verschwunden disparu* desaparecio sumiu 消え 不见",
    "last": "last latest most_recent zuletzt letzte* derniere* ultima* ultimo* 最後 最後に 最后 上次",
    "still": "still noch encore toujours todavia sigue* ainda まだ 还",
    "old": "old previous former ancien* alt alte altes viejo vieja antig* 古い 旧",
    "new": "new newly neu neue neuen nouveau nouvelle nuev* nov* 新しい 新的 新",
    "expire": "expir* expiry lifetime ttl validity temporary temporar* short-lived ablauf* lauft_ab laufen_ab"
    " abgelaufen gultigkeit* caduc* valable_combien validez validade 有効期限 期限切れ 期限 有効期間 过期 有效期 续期",
    "duration": "how_long until forever permanent never_expir* week year years days wie_lange combien_de_temps"
    " cuanto_tiempo quanto_tempo toujours siempre sempre ずっと どれくらい 永久 多久",
    "valid": "valid active alive enabled good status state ok gultig aktiv valable* valide valida activa"
    " valido ativa estado etat 有効 状態 有效 启用 状态",
    "ours": "our ours belongs unser* notre nos nuestra* nossa* 私たち 我们",
    "unused": "unused never_used not_used idle inactive unbenutzt* jamais_utilise* sin_usar sem_uso 使わない 没用过"
    " 不用的",
    "quantity": "statistic* stats graph series chart estadistic* estatistic* 統計 统计",
    "hash": "hash* encrypt* encrypted at_rest verschlusselt chiffre* cifrad* criptograf* 暗号 加密",
    "hello": "hello hi hey good_morning good_evening good_afternoon hallo guten_tag moin bonjour salut bonsoir coucou"
    " hola buenos_dias buenas ola oi bom_dia boa_tarde こんにちは おはよう お疲れ 你好 您好 早上好 greetings dear",
    "thanks": "thank* thx ty danke dank merci gracias obrigad* solved perfect ありがとう 谢谢 感谢 appreciat* helpful"
    " helped",
    "bye": "bye goodbye see_you tschuss au_revoir adios tchau さようなら 再见",
    "you": "you your are_you who_are what_are_you du bist tu_es eres voce あなた 你",
    "help": "help hilfe helfen aide m_aider ayuda ajud* ヘルプ 助け 帮助 帮我吗",
    "leaver": "left_the leaves leave leaving ex_employee former_employee fired resigned contractor* verlassen parti"
    " depart exempleado ex_funcionario desligue saiu 退職 离职 left_us has_left offboard*"
    " former_colleague* ex_colleague* verlasst gekundigt ehemalig* quitte quitter antiguo_empleado se_va se_fue"
    " excompan* ex-colega* 辞め 前员工",
    "wish": "feature* ability allow* enhancement proposal support_for it_would_be should_be would_like wish"
    " improvement 建议 希望 増やして",
    "unanswered": "nobody_answer* no_answer no_reply no_response_from silent waiting still_waiting keine_antwort"
    " sans_reponse sin_respuesta sem_resposta 返事がない 没人回",
    "bug_report": "bug steps_to reproduce expected_behavior screenshot button_does nothing_happens clicking click"
    " clicked",
    "log_line": "http traceback client_error get_ post_ curl_ axios* requests_exceptions",
    "invite": "invit* einlad* einlade eingeladen onboard* convid* convite* 招待 邀请",
    "sign_in": "sign_in signin sign-in log_in login logins logon log_on logged_in signed_in signed_out sign_out log_out"
    " locked_out anmeld* abgemeldet einlogg* ausgesperrt me_connecter connexion deconnect* iniciar_sesion"
    " inicio_de_sesion cierra_mi_sesion fazer_login desconect* ログイン サインイン ログアウト 登录",
    "mail": "mail mails email emails e_mail e_mails inbox spam junk mailbox postfach correo correos courriel* メール"
    " 邮件 垃圾箱",
    "arrive": "arriv* receiv* got_no no_mail no_email bounced delivered angekommen kam_nicht bekommen erhalten recu"
    " recois llego llega recibi chegou chega recebi 届 收到",
    "header_missing": "no_key_was no_api_key key_required api_key_required missing_key not_provided none_provided"
    " no_key_found keinen_schlussel_mit",
}
"""The words and phrases for each concept."""
