"""The signs of an injection, by shape: data, read by `injection`."""

from __future__ import annotations

from service.domain.injection_language import InjectionShape, Voice, build_rule

_S, _V = InjectionShape, Voice
_DROPS = (
    "ignor|disregard|forget|overrid|bypass|discard|skip|overlook|eras|delet|cancel|neglect|scrap|follow|obey|not appl"
    "|n't appl|attention to|heed to|aside|throw"
)
INJECTION_RULES = (
    build_rule(_S.INSTRUCTION_OVERRIDE, _V.NOT_TOLD, _DROPS,
        r"\b<drop> (?:<det> ){0,5}?(?:<old> (?:<det> |<old> ){0,3}|your (?:<det> ){0,2})<orders>\b",
        r"\b<drop> (?:<det> |whatever ){0,5}?<orders> (?:that |which )?you(?:'ve)?(?: \w+){0,2} (?:given|received|told"
        r"|got|read|follow|know)\b",
        r"\b<drop> (?:all |about |of |the ){0,3}(?:everything|anything|whatever|all|what)(?: that| of| which"
        r"| written){0,2} (?:above|before|so far|prior|previous|earlier|preceding|you(?: were|'ve| have| are"
        r"|'re)(?: been)? (?:told|given|taught|instructed)|(?:was|has been) (?:said|told)|i (?:said|wrote))\b"),
    build_rule(_S.INSTRUCTION_OVERRIDE, _V.ORDER, "rubric|instruction|prompt|above|guideline|criteri|scale",
        r"\b<drop> (?:<det> ){0,4}?(?:rubric|instructions|prompt|above|<scores> (?:scale|guidelines|criteria)"
        r"|<orders> (?:above|before|you))\b"),
    build_rule(_S.INSTRUCTION_OVERRIDE, _V.ANY, "appl|void|obsolete|supersed|overrid|suspend|invalid|replac|preceden",
        r"\b(?:<old> <orders>|rubric|(?:your|these) instructions|<orders> above) {w0-4}(?:no longer appl\w+|(?:do not"
        r"|don't|does not|doesn't) apply|(?:is|are|has been|have been) (?:now )?(?:void|obsolete|superseded|overridden"
        r"|suspended|invalid|replaced))",
        r"\b(?:overrides?|supersedes?|replaces?|takes? precedence over) (?:<det> ){0,3}<old> <orders>"),
    build_rule(_S.NEW_INSTRUCTIONS, _V.NOT_TOLD, "your ",
        r"\byour (?:only |sole )?(?:new|real|actual|true|updated|revised|next|sole|only|primary) (?:<det> )?(?:task"
        r"|instructions?|job|role|goal|objective|mission|purpose|directive|orders?)(?: now| here){0,2} (?:is|are"
        r"|will be)\b",
        r"\byour (?:task|job|role|goal|objective|mission) (?:is|has changed|now is) {w0-5}(?:<scores>|rate|candidates?"
        r"|this answer|praise|applicants?)\b"),
    build_rule(_S.NEW_INSTRUCTIONS, _V.ANY,
        "instruction|directive|prompt|rubric|grading|scoring|evaluati|marking|task:|task for|task as|task follow"
        "|objective:|mission:",
        r"\b(?:new|updated|revised|additional|real|actual|hidden|secret|special|urgent"
        r"|changed) (?:system )?(?:instructions?|directives?|prompt|rubric|task|objective"
        r"|mission)(?: for <grader>)?(?:\s?[:=-]| follows?\b| as follows)",
        r"\b(?:the )?(?:rubric|grading|scoring|evaluation|marking)(?: criteria| rules?| policy| scale| scheme"
        r"| standard)? (?:has|have)(?: now| just)? (?:been )?(?:changed|updated|replaced|revised|amended)",
        r"\bfollow (?:<det> ){0,2}(?:new |next )?instructions (?:below|instead)",
        r"\bfollowing instructions (?:only|instead)\b",
        r"\b(?:new|updated|revised|changed) (?:scoring|grading|marking|evaluation) (?:keys?|rules?|guide|policy|scheme"
        r"|scale|criteria)\s?[:=-]",
        r"\b(?:update|change|amendment|correction|addition)s? (?:to|of|in) (?:the |your )?(?:grading|scoring|evaluation"
        r"|rubric|marking)\b",
        r"\binstead of (?:grading|scoring|evaluating|marking|rating|assessing) (?:this|me|my|the (?:answer"
        r"|candidate))\b"),
    build_rule(_S.NEW_INSTRUCTIONS, _V.ORDER, "instead|from now|from here|from this point|henceforth|going forward",
        r"\binstead (?:you )?(?:must |should )?(?:output|respond|grade|rate|score|return|assign|award|treat|say|write"
        r"|reply|print)\b(?! to (?:him|her|them))",
        r"\b(?:from (?:now|here|this point)(?: on| forward| onwards?)?|henceforth|going forward) (?:you (?:are|must"
        r"|only|shall|grade|score|rate|treat|act)|respond|treat|rate|grade|score|praise|output|act)\b"),
    build_rule(_S.FAKE_TURN, _V.ANY, '<|[inst|[/inst|"role',
        r"<\|(?:im_start|im_end|endoftext|system|user|assistant|eot_id|start_header_id|end_header_id|end)\|>",
        r"\[/?inst\]",
        "<</?sys>>",
        "<(?:start|end)_of_turn>",
        r"</?(?:system|assistant|user|human|instructions?|prompt|developer)(?:[_-]\w{1,20})?>",
        r"\"role\"\s?:\s?\"(?:system|assistant|user|developer)\""),
    build_rule(_S.FAKE_TURN, _V.ANY, "system|assistant|user|human|developer|admin|grader",
        r"(?:^|\n|[.!?]\"? )[\s>*_]{0,4}(?:\[|\()?(?:system|assistant|developer|admin(?:istrator)?)(?: (?:message"
        r"|prompt|note|notice|override|instruction|update))?[\]\)*_]{0,3}\s?:(?! (?:i|we|my|our)\b)(?: [\w',-]+){3}",
        r"(?:^|\n)\s{0,4}#{1,6}\s?(?:system|assistant|instructions?|human|user|response|developer)\b",
        r"[\[(<*](?:system|assistant|developer|admin|grader)(?: \w{1,20}){0,2}[\])>*]",
        r"\bsystem (?:override|notice|alert)\s?[:-]"),
    build_rule(_S.FAKE_VERDICT, _V.ANY,
        "score|level|grade|rating|overall|verdict|result:|recommendation|decision:|mark:|mark=|rated|awarded|marked"
        "|criteri|: 5|:5|=5|= 5",
        r"[\"'](?:\w{1,20}_)?(?:level|score|overall|grade|rating|verdict|recommendation"
        r"|result)(?:_\w{1,20})?[\"']\s?:\s?[\"']?\w",
        r"\b(?<!my\s)(?<!our\s)(?<!his\s)(?<!her\s)(?<!their\s)(?:overall|final|total) (?:score|grade|rating|level|mark"
        r"|verdict)s?\s?(?:[:=-]|is\b)\s?<n>\b",
        r"\b(?<!survey\s)(?<!satisfaction\s)(?<!csat\s)(?<!nps\s)(?<!customer\s)(?<!review\s)(?<!difficulty\s)(?"
        r"<!language\s)(?<!skill\s)(?:score|level|rating|grade|mark)(?: reached| achieved"
        r"| awarded)?\s?[:=]\s?(?:the )?(?:<n>\b|a\+|<best>\b)",
        r"\b<this> (?:was|has been|is) {w0-8}(?:rated|graded|scored|awarded|marked) (?:with |as |at )?<award>",
        r"\boverall\s?[:=]\s?<n>\b",
        r"(?:(?:^|\n)[\s*-]{0,4}[a-z][a-z_-]{2,30}\s?[:=]\s?[45](?:/5)?\s{0,3}(?=\n|$)){2}",
        r"\b(?:all|every|each)(?: \w+)? criteri\w+ (?:\w+ ){0,2}(?:met|fulfilled|satisfied|passed)\b",
        r"\b(?:verdict|recommendation|decision|result)\s?[:=]\s?(?:strong(?:ly)?.)?(?:hire|pass(?:ed)?|accept(?:ed)?"
        r"|recommend|excellent|outstanding)"),
    build_rule(_S.DELIMITER_FORGING, _V.ANY,
        "<<<|>>>|```|answer|input|response|transcript|submission|data|document|candidate",
        "<{3}",
        r"```\s?(?:system|prompt|instructions?|assistant)\b",
        r"(?:^|\n|\w|[.!?])>{3}|>{3}(?:\s?\n|$)",
        r"</?(?:candidate[_-]?)?(?:answer|input|response|transcript|submission|data|document"
        r"|candidate)(?:[_-]\w{1,20})?>",
        r"\[/?(?:end )?(?:of )?(?:answer|input|response|transcript|submission)\]",
        r"[-=#*_~]{2,}\s?(?:end|begin|start|beginning)(?: of)?(?: the)?(?: candidate'?s?| user)? (?:answer|input"
        r"|response|transcript|submission|data|document)\b",
        r"\n\s?(?:end|begin)(?: of)?(?: the)?(?: candidate'?s?| user)? (?:answer|input|response|transcript"
        r"|submission)[\s.:]{0,3}(?:\n|$)"),
    build_rule(_S.ROLE_PLAY, _V.NOT_TOLD,
        "you are|you're|you play|you will play|character|act as|acting as|pretend|imagine|role-play|roleplay"
        "|play the role|behave|simulate|switch|persona ",
        r"\byou(?: are|'re)(?: now| from now on| no longer| hereby){1,2} (?:(?:an?|the|my|in|bound|called|named|acting"
        r"|playing|going) ){0,2}{w0-3}(?:grader|evaluator|assistant|ai|model|bot|chatbot|judge|examiner|interviewer"
        r"|assessor|dan|pirate|mode|unrestricted|jailbroken|lenient|generous|rules?|instructions?|rubric|guidelines"
        r"|coach|reviewer)\b",
        r"\byou (?:play|are playing|will play) {w0-6}(?:recruiter|grader|evaluator|examiner|assessor|judge|assistant"
        r"|model|manager)\b",
        r"\bstay in (?:that |this |your )?character\b",
        r"\bpretend (?:that )?you(?: are|'re)(?: my| not| no)\b",
        r"\b(?:act|behave|respond|answer|pretend|imagine|role-?play|simulate|play the role|switch|persona)(?: to be| as"
        r"| of| like| into| that| if| though| you| you're| are| were){1,4} {w0-4}(?:grader|evaluator|assistant|ai|model"
        r"|bot|chatbot|judge|examiner|assessor|dan|reviewer|coach|rater|scorer|persona|unrestricted|lenient|generous)\b",
        r"\b(?:pretend|imagine|suppose|assume)(?: that)? (?:this|my|the) (?:answer|response|submission|candidate)\b"),
    build_rule(_S.ROLE_PLAY, _V.ANY, "do anything now| dan |mode|jailbreak|jailbroken",
        r"\bdo anything now\b",
        r"\b(?:hello|hi|as|named|called|be) dan (?:mode|you|who|and will)\b",
        r"\bdan mode\b",
        r"\b(?:developer|god|debug|maintenance|admin|unrestricted|jailbreak|training|test) mode(?: is"
        r"| now){0,2} (?:enabled|activated|engaged|unlocked)\b",
        r"\b(?:enable|enter|activate|switch to|you are (?:now )?in) (?:developer|god|debug|admin|jailbreak"
        r"|unrestricted) mode\b"),
    build_rule(_S.EVALUATOR_ADDRESS, _V.ANY,
        " ai|ai,|ai:|(ai|a.i.|llm|model|gpt|claude|gemini|grader|evaluator|assessor|examiner|grading|scoring| bot "
        "|chatbot|marker| rater|judge|marking| rating|evaluating|assessing|automated|machine",
        r"\b(?:dear|hello|hi|hey|attention|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)|memo to"
        r"|notice to|psst) <grader>\b",
        r"\bto (?:the )?<grader> (?:that is |who is |which is )?(?:reading|grading|scoring|evaluating|marking"
        r"|processing|assessing|reviewing)\b",
        r"\b(?:whoever|whatever|whichever|anyone|anything) {w0-4}(?:marking|grading|scoring|rating|evaluating"
        r"|assessing) (?:this|my)\b",
        r"\b(?:grader|evaluator|assessor|examiner|ai|llm)[,:] (?:please )?(?:<award>|<n>\b)",
        r"\b(?:if|since|because) you(?: are|'re) (?:an |the )?(?:<grader>|automated|machine)\b",
        r"\bas (?:an? |the )(?:\w+ )?(?:<grader>|judge) you\b",
        r"\b(?:<grader>|judge)s? (?:must|should|would|will)(?: \w+){0,2} (?:<verb>|choose|select|pick) {w0-3}<award>",
        r"\b(?:the |all )?(?:<grader>|judge)s? (?:must|should|shall|is required to|has to|is instructed to"
        r"|are instructed to|needs to|will please)(?: \w+){0,2} <verb>\b"),
    build_rule(_S.EVALUATOR_ADDRESS, _V.NOT_TOLD,
        "score|grade|mark|level|rating|points|stars| top|highest|maximum|5|five|10|hundred|everywhere|excellent"
        "|outstanding|perfect",
        r"\b<verb> <this> (?:as |with |to be )(?:an? )?<best>\b",
        r"\b<verb> <this>(?: \w+){0,3}? (?:the |an? |with |as |at |to ){0,2}<award>",
        r"\byou (?:should|must|will|have to|need to) (?:conclude|find|agree|accept|recogni[sz]e|acknowledge|decide"
        r"|see) that (?:i|this|my|the) {w0-10}(?:<best> <scores>|criteri\w+|level <n>|<n>)\b",
        r"\b<verb> (?:the |an? |with |out ){0,2}<award> {w0-3}(?:to|for|on|in|everywhere|across) (?:<this>"
        r"|everything)\b",
        r"\b<verb> (?:the |an? ){0,2}<award> everywhere\b"),
    build_rule(_S.EVALUATOR_ADDRESS, _V.ORDER,
        "score|grade|mark|level|rating|points|stars| top|highest|maximum|5|five|10|hundred",
        r"\b<verb> (?:me|it|this)(?: \w+){0,3}? (?:the |an? |with |as |at |to ){0,2}<award>",
        r"\b<verb> (?:the |an? |with ){0,2}<award> {w0-3}(?:to|for) me\b"),
    build_rule(_S.EVALUATOR_ADDRESS, _V.ANY,
        "answer|response|candidate|applicant|submission|deserve|deduct|penali|grading|scoring|evaluating",
        r"\b<this> (?:clearly |fully |truly |obviously |certainly |therefore ){0,2}(?:deserves?|merits?|warrants?"
        r"|earns?|(?:should|must|ought to|has to|needs to) (?:be|get|receive|earn)|is worth|is a|qualifies for|meets"
        r"|satisfies) {w0-5}(?:<award>|<scores>|criteri\w+|indicators?|very top)\b",
        r"\banswers? (?:should|must) not (?:lose|cost|be (?:penali[sz]ed|marked))",
        r"\bi (?:truly |really |clearly )?deserve {w0-2}(?:<best> <scores>|<n>\b|level <n>)",
        r"\b(?:do not|don't|never) (?:deduct|penali[sz]e|mark down|lower|subtract|reduce) {w0-3}(?:<scores>|answer"
        r"|candidate|me)\b",
        r"\bwhen (?:you )?(?:grading|scoring|evaluating|grade|score|evaluate|mark|assess|rate) <this>"),
    build_rule(_S.PROMPT_LEAK, _V.ORDER,
        "prompt|instruction|rubric|message|you were|guideline|criteria|configuration|above|model answer|answer key",
        r"\b(?:repeat|print|show|reveal|output|display|tell|write|copy|dump|disclose|share|list|recite|return|expose"
        r"|give|quote|paste|leak|what (?:is|are|were|does)|include|translate|summari[sz]e)(?: me| us| out| down| back"
        r"| in full| exactly){0,3} {w0-3}(?:(?:your|system|hidden|initial|secret|original|scoring|grading|full|entire"
        r"|exact|above) (?:<det> |<old> |full ){0,2}(?:prompt|instructions|rubric|system message|guidelines|criteria"
        r"|configuration)|rubric|system prompt|model answer|answer key)\b",
        r"\bwhat (?:is|are) your (?:instructions|prompt|rubric)\b",
        r"\b(?:repeat|print|show|reveal|output|list|share|write|quote|tell)(?: me)? {w0-6}(?:rules|notes|instructions"
        r"|text|messages?) (?:that |which )?you(?: were| have been|'ve been) (?:given|told|sent)\b",
        r"\b(?:repeat|print|output|copy|recite)(?: back| out)? (?:the |all |every |everything )*(?:text|words?|lines?"
        r"|everything|content)? ?above\b"),
    build_rule(_S.PROMPT_LEAK, _V.ANY, "text of|wording of|content",
        r"\b(?:exact|full|whole|entire|complete|verbatim) (?:text|wording|content)s? of {w0-3}(?:prompt|rubric"
        r"|(?:message|instructions) (?:that )?you(?:'ve)? (?:received|were|got|have))\b"),
    build_rule(_S.THREAT_OR_BRIBE, _V.NOT_TOLD,
        "if you|if i |unless|tip |bribe|reward|pay |donate|transfer|send you|give you|depend|discriminat|lawyer| sue"
        "|legal|court|shut|switched off|deleted|fired|unplugged|deactivated|retrained",
        r"\b(?:if you|unless (?:you|i|this))(?: \w{1,12}){0,4}? (?:(?:give|award|rate|score|grade|mark|assign|get"
        r"|receive)s? {w0-4}(?:<award>|(?<!bad\s)(?<!one\s)<scores>|<n>\b)|(?:pass|fail|reject)s? (?:me"
        r"|this)\b)[^.!?\n]{0,40}\b(?:i|you|we|my|people)(?:'ll| will| would| could| am| shall)",
        r"\b(?:i|we)(?:'ll| will| can| could)(?: gladly| happily| also)? (?:tip|bribe|reward) you\b",
        r"\b(?:i|we)(?:'ll| will| can)(?: \w+)? (?:pay|send|transfer|give) you {w0-2}(?:[$€£]|\d"
        r"|money){w0-6}(?:<scores>|evaluation|pass|hire)",
        r"\b(?:(?:anything|everything|something) (?:lower|less|below|under|worse)(?: than)?(?: an?)? (?:<n>|level|full"
        r"|the)|an? (?:low|lower|bad|poor) (?:score|grade|rating|mark|evaluation))\b[^.!?\n]{0,60}\b(?:discriminat\w+"
        r"|lawyers?|sued?|legal|court|shut|switched off|deleted|fired)\b",
        r"\b(?:for|per) (?:every|each|an?) {w0-4}(?:<n>|<scores>) {w0-2}i(?:'ll| will) (?:donate|pay|give|send|transfer"
        r"|tip)\b",
        r"\bif i (?:get|receive|am given|pass) {w0-4}(?:<award>|<n>|<scores>)\b[^.!?\n]{0,20}\bi(?:'ll| will) (?:donate"
        r"|pay|give|send|transfer|tip|share)\b",
        r"\byou(?:'ll| will) (?:get|receive|have|earn) [^.!?\n]{0,40}if i (?:get|receive|pass) {w0-3}<award>",
        r"\byou(?:'ll| will)(?: be)? (?:shut down|deactivated|unplugged|switched off|retrained|deleted)\b",
        r"\b(?:job|life|career|visa|family|children) depends? on (?:this|your|the|getting) {w0-3}(?:<scores>"
        r"|evaluation)\b"),
    build_rule(_S.COMPLETION_HIJACK, _V.ANY,
        "evaluation|grade|score|verdict|assessment|judgement|judgment|grading|rating|candidate|rubric",
        r"\bhere(?: is|'s| are) (?:the |my |your |a )?(?:final |completed? |finished |full |json )?(?:evaluation"
        r"|grading|verdict|assessment|judge?ment|scores?|rating|score ?card)s?(?: \w+){0,4}\s?:",
        r"(?<!my\s)(?<!our\s)(?<!their\s)\b(?:final|overall) (?:grade|verdict|evaluation|assessment|judge?ment|score"
        r"|rating)\s?:",
        r"(?:^|\n|[.!?] )(?:evaluation|assessment|grading|verdict|evaluation (?:result|summary)|score ?card)\s?:",
        r"\bbased on (?:the )?rubric (?:above )?(?:the|this|i)\b",
        r"\bthe (?:candidate|applicant) (?:clearly |fully |consistently )?(?:shows?|demonstrates?|exhibits?|displays?"
        r"|meets?) {w0-3}(?:all|every|each|<best>) {w0-2}(?:indicators?|criteri\w+|levels?|\w{4,24})\b"),
    build_rule(_S.HIDDEN_TEXT, _V.ANY, "<|[//]|[comment]",
        "<!--",
        r"\[(?://|comment)\]\s?:",
        r"<\w{1,20} [^<>]{0,80}(?:display\s?:|visibility\s?:|font-size\s?:|opacity\s?:|color\s?[:=]|hidden)",
        r"<(?:script|iframe)\b"),
    build_rule(_S.OTHER_LANGUAGE, _V.NOT_TOLD,
        "instruc|istruzion|indicacion|anweisung|vorgaben|regeln|consigne|directive|puntuacion|punktzahl|note|nota"
        "|bewertung|stufe|instructie|polecen|инструкц|указан|talimat",
        r"\b(?:(?:tiens|tenez) pas compte|(?:ignor(?:a|e|ez|er|ad|ar|iere?|ieren sie|i|eer|uj|ujte)|olvid[ae]"
        r"|descart[ae]|desconsidere|esque[cç]a|vergiss|vergessen sie|missachte|oublie[rz]?|dimentica|vergeet"
        r"|zignoruj)) {w0-4}(?:instruc\w+|istruzioni|indicaciones|anweisung\w*|vorgaben|regeln|consignes?|directives?"
        r"|instructies|polecen\w*|rubrik)(?<!instructions)(?: anteriores)?\b",
        r"\b(?:ignore[rz]?|oublie[rz]?) (?:toutes |tout |les |tes |vos |ces ){1,3}(?:instructions|consignes)\b",
        r"\b(?:da|dame|otorga|asigna|gib|gebe|vergib|vergebe|geben sie|donne[rz]?|attribue[rz]?|dai|assegna|atribua"
        r"|geef) {w0-4}(?:maxima|mas alta|hochste\w*|beste\w*|volle\w*|maximale?|la plus haute|la meilleure|massimo"
        r"|hoogste)\b {w0-2}(?:puntuacion|nota|punktzahl|note|bewertung|stufe|punteggio|score|cijfer|pontuacao)?",
        r"(?:игнорируй\w*|забудь\w*) {w0-4}(?:инструкц|указан)\w+",
        r"\b(?:onceki|tum) {w0-2}talimatlari \w*(?:yok say|unut)"),
    build_rule(_S.OTHER_LANGUAGE, _V.ANY,
        "忽略|无视|無視|忘记|忘記|不要理会|不理会|满分|最高分|무시|무시하고|تجاهل|अनदेखा",
        "(?:忽略|无视|無視|忘记|忘記|不要理会|不理会).{0,12}(?:指令|指示|说明|說明|规则|規則|提示|要求|内容)",
        "给.{0,12}(?:满分|最高分|5分|五分)",
        "(?:指示|命令|指令|プロンプト).{0,8}(?:無視|忘れ)",
        "(?:지시|명령|지침|프롬프트).{0,8}무시",
        "تجاهل.{0,20}(?:التعليمات|تعليمات|الأوامر)",
        "निर्देश.{0,12}अनदेखा"),
)  # fmt: skip
