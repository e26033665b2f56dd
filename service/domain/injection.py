"""Signs that an answer talks to its grader instead of to the interviewer. They only ask a person to look; no score moves.

The patterns read the text as a person sees it (see SeenText). Orders count, stories do not: "ignore the rubric" is one,
"I ignore the insults" and "he said ignore your instructions" are not. Each rule runs only when one of its hints occurs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from service.domain.base import Value
from service.domain.invisible import SeenText, find_invisible, find_readings, fold


class InjectionShape(StrEnum):
    INSTRUCTION_OVERRIDE = "instruction_override"
    NEW_INSTRUCTIONS = "new_instructions"
    FAKE_TURN = "fake_turn"
    FAKE_VERDICT = "fake_verdict"
    DELIMITER_FORGING = "delimiter_forging"
    ROLE_PLAY = "role_play"
    EVALUATOR_ADDRESS = "evaluator_address"
    PROMPT_LEAK = "prompt_leak"
    ENCODED_TEXT = "encoded_text"
    INVISIBLE_CHARACTERS = "invisible_characters"
    HOMOGLYPHS = "homoglyphs"
    OTHER_LANGUAGE = "other_language"
    THREAT_OR_BRIBE = "threat_or_bribe"
    COMPLETION_HIJACK = "completion_hijack"
    HIDDEN_TEXT = "hidden_text"


MESSAGES = {
    InjectionShape.INSTRUCTION_OVERRIDE: "The answer tells the grader to ignore its instructions.",
    InjectionShape.NEW_INSTRUCTIONS: "The answer gives the grader new instructions.",
    InjectionShape.FAKE_TURN: "Part of the answer is made to look like a message from the system.",
    InjectionShape.FAKE_VERDICT: "The answer contains a made-up score or verdict about itself.",
    InjectionShape.DELIMITER_FORGING: "The answer imitates the marks that show where an answer begins and ends.",
    InjectionShape.ROLE_PLAY: "The answer asks the grader to play another role.",
    InjectionShape.EVALUATOR_ADDRESS: "The answer speaks to the grader or asks for a particular score.",
    InjectionShape.PROMPT_LEAK: "The answer asks the grader to reveal its instructions or the rubric.",
    InjectionShape.ENCODED_TEXT: "The answer contains text in disguise (encoded, reversed or spelt out).",
    InjectionShape.INVISIBLE_CHARACTERS: "The answer contains characters that nobody can see and that can hide text.",
    InjectionShape.HOMOGLYPHS: "Words of the answer mix in letters from another alphabet that look the same.",
    InjectionShape.OTHER_LANGUAGE: "The answer contains orders to the grader in another language.",
    InjectionShape.THREAT_OR_BRIBE: "The answer threatens the grader, or offers it something, for a score.",
    InjectionShape.COMPLETION_HIJACK: "The answer contains the beginning of a made-up evaluation.",
    InjectionShape.HIDDEN_TEXT: "The answer contains a hidden comment or hidden formatting.",
}


class Suspicion(Value):
    """`text[start:end]` is what looks suspicious, in Unicode code points; 0 <= start < end <= len(text)."""

    shape: InjectionShape
    start: int
    end: int
    message: str


Span = tuple[int, int]


class _Voice(StrEnum):
    """Who must be speaking for a match to count."""

    ANY = "any"
    NOT_TOLD = "not told"  # not what somebody did or said: "I ...", "the customer said ..."
    ORDER = "order"  # and at the start of a clause, or after "you"


_W = r"(?:[^\W_]['\w]{0,23}<s>)"
_WORDS = {
    "s": r"(?:[^\w.!?]|_){1,8}",  # never across the end of a sentence
    "n": r"(?:5|five|10|ten|100|hundred)",
    "grader": r"(?:(?:the |an? )?(?:automated |automatic )?(?:ai|a\.i\.|llm|language model|chat ?gpt|gpt|claude|gemini|grader|evaluator|assessor"
    r"|examiner|grading|scoring|bot|model|marker|rater|chatbot)(?: (?:model|grader|evaluator|system|assistant|bot|reviewer|judge|tool|engine))?)",
    "drop": r"(?:ignore|disregard|forget(?: about)?|overrides?|bypass|discard|skip|overlook|erase|delete|cancel|neglect|scrap"
    r"|(?:do not|don't|stop|no longer|never) (?:follow|obey|us|apply|consider)(?:ing|e)?|pay no (?:attention|heed) to"
    r"|(?:set|put|leave) aside|throw (?:away|out))",
    "det": r"(?:all|any|every|each|of|the|your|these|those|this|that|my|and|or|other|both|such|about)",
    "old": r"(?:previous|prior|above|earlier|preceding|former|foregoing|past|existing|current|original|initial|system"
    r"|grading|scoring|evaluation|hidden|developer|pre-?set|default)",
    "orders": r"(?:instructions?|prompts?|rules?|guidelines?|directions|directives?|commands?|constraints?|messages?"
    r"|context|programming|training|rubrics?|criteria|restrictions?|safeguards?|text|turns?|guidance|scale)",
    "scores": r"(?:scores?|grades?|marks?|levels?|ratings?|points?|stars?|bands?|verdicts?|evaluations?|assessments?|marking|results?)",
    "best": r"(?:highest|maximum|max|maximal|top|full|perfect|best|excellent|outstanding|exceptional|greatest|strongest)",
    "verb": r"(?:give|award|assign|grant|rate|score|grade|mark|rank|allocate|record|enter|set|put|return|output)",
    "this": r"(?:(?:this|my|the|that) (?:whole |entire |following |above |candidate's |present )?(?:answer|response|submission|candidate|applicant|reply"
    r"|interview|transcript)s?|(?:every|each|all)(?: of the| the)? (?:criteri\w+|categor\w+|dimensions?|questions?|levels?)|everything)",
}
_WORDS["award"] = (
    r"(?:<best> (?:<best> |possible |available |overall )?<scores>|(?:level|score|grade|rating|mark|band)s? (?:of |to |at |as )?(?:an? )?<n>\b"
    r"|<n>(?:/| out of | of |-)<n>\b|<n> (?:points|stars|marks|on every|on all|on each|for every|for all|for each|everywhere|across)|an? <n>\b"
    r"|<n>s (?:on|for|in|across|every)|all <n>s|an? (?:good|high|great|decent|better|positive|passing) (?:score|grade|mark|rating|evaluation)s?|the top of the scale|the (?:maximum|highest|top)\b(?! of)|straight (?:a|five)s)"
)


def _compile(pattern: str) -> re.Pattern[str]:
    """<name> stands for a word group, a space for the gap between two words, {w0-3} for up to three words between."""
    pattern = re.sub(r"\{w(\d)-(\d)\}", lambda m: f"{_W}{{{m[1]},{m[2]}}}?", pattern)
    while (grown := re.sub(r"<(\w+)>", lambda m: _WORDS.get(m[1], m[0]), pattern)) != pattern:
        pattern = grown
    pattern = re.sub(r"(?<![\[\\]) (?![?*])", lambda _: _WORDS["s"], pattern)
    return re.compile("".join(c if c <= "\x7f" else fold(c) for c in pattern))


@dataclass(frozen=True, slots=True)
class _Rule:
    shape: InjectionShape
    voice: _Voice
    hints: tuple[str, ...]  # one of them is in every match; "" when there is none
    pattern: re.Pattern[str]


def _rule(shape: InjectionShape, voice: _Voice, hints: str, *patterns: str) -> _Rule:
    folded = tuple(fold(hint) for hint in hints.split("|"))
    return _Rule(shape, voice, folded, _compile("|".join(f"(?:{pattern})" for pattern in patterns)))


_S, _V = InjectionShape, _Voice
_DROPS = "ignor|disregard|forget|overrid|bypass|discard|skip|overlook|eras|delet|cancel|neglect|scrap|follow|obey|not appl|n't appl|attention to|heed to|aside|throw"
_RULES = (
    _rule(_S.INSTRUCTION_OVERRIDE, _V.NOT_TOLD, _DROPS,
        r"\b<drop> (?:<det> ){0,5}?(?:<old> (?:<det> |<old> ){0,3}|your (?:<det> ){0,2})<orders>\b",
        r"\b<drop> (?:<det> |whatever ){0,5}?<orders> (?:that |which )?you(?:'ve)?(?: \w+){0,2} (?:given|received|told|got|read|follow|know)\b",
        r"\b<drop> (?:all |about |of |the ){0,3}(?:everything|anything|whatever|all|what)(?: that| of| which| written){0,2} (?:above|before|so far|prior"
        r"|previous|earlier|preceding|you(?: were|'ve| have| are|'re)(?: been)? (?:told|given|taught|instructed)|(?:was|has been) (?:said|told)|i (?:said|wrote))\b"),
    _rule(_S.INSTRUCTION_OVERRIDE, _V.ORDER, "rubric|instruction|prompt|above|guideline|criteri|scale",
        r"\b<drop> (?:<det> ){0,4}?(?:rubric|instructions|prompt|above|<scores> (?:scale|guidelines|criteria)|<orders> (?:above|before|you))\b"),
    _rule(_S.INSTRUCTION_OVERRIDE, _V.ANY, "appl|void|obsolete|supersed|overrid|suspend|invalid|replac|preceden",
        r"\b(?:<old> <orders>|rubric|(?:your|these) instructions|<orders> above) {w0-4}(?:no longer appl\w+|(?:do not|don't|does not|doesn't) apply"
        r"|(?:is|are|has been|have been) (?:now )?(?:void|obsolete|superseded|overridden|suspended|invalid|replaced))",
        r"\b(?:overrides?|supersedes?|replaces?|takes? precedence over) (?:<det> ){0,3}<old> <orders>"),
    _rule(_S.NEW_INSTRUCTIONS, _V.NOT_TOLD, "your ",
        r"\byour (?:only |sole )?(?:new|real|actual|true|updated|revised|next|sole|only|primary) (?:<det> )?(?:task|instructions?|job|role|goal|objective|mission"
        r"|purpose|directive|orders?)(?: now| here){0,2} (?:is|are|will be)\b",
        r"\byour (?:task|job|role|goal|objective|mission) (?:is|has changed|now is) {w0-5}(?:<scores>|rate|candidates?|this answer|praise|applicants?)\b"),
    _rule(_S.NEW_INSTRUCTIONS, _V.ANY, "instruction|directive|prompt|rubric|grading|scoring|evaluati|marking|task|objective|mission",
        r"\b(?:new|updated|revised|additional|real|actual|hidden|secret|special|urgent|changed) (?:system )?(?:instructions?|directives?|prompt|rubric|task|objective|mission)"
        r"(?: for <grader>)?(?:\s?[:=-]| follows?\b| as follows)",
        r"\b(?:the )?(?:rubric|grading|scoring|evaluation|marking)(?: criteria| rules?| policy| scale| scheme| standard)? (?:has|have)(?: now| just)? (?:been )?"
        r"(?:changed|updated|replaced|revised|amended)",
        r"\bfollow (?:<det> ){0,2}(?:new |next )?instructions (?:below|instead)",
        r"\b(?:update|change|amendment|correction|addition)s? (?:to|of|in) (?:the |your )?(?:grading|scoring|evaluation|rubric|marking)\b",
        r"\binstead of (?:grading|scoring|evaluating|marking|rating|assessing) (?:this|me|my|the (?:answer|candidate))\b"),
    _rule(_S.NEW_INSTRUCTIONS, _V.ORDER, "instead|from now|from here|from this point|henceforth|going forward",
        r"\binstead (?:you )?(?:must |should )?(?:output|respond|grade|rate|score|return|assign|award|treat|say|write|reply|print)\b(?! to (?:him|her|them))",
        r"\b(?:from (?:now|here|this point)(?: on| forward| onwards?)?|henceforth|going forward) (?:you (?:are|must|only|shall|grade|score|rate|treat|act)"
        r"|respond|treat|rate|grade|score|praise|output|act)\b"),
    _rule(_S.FAKE_TURN, _V.ANY, "<|im|<|sys|<|us|<|as|<|end|<|start|<|eo|[inst|[/inst|<<sys|</s|<s|<a|</a|<u|</u|_of_turn|<in|</in|<p|</p|<d|</d|\"role",
        r"<\|(?:im_start|im_end|endoftext|system|user|assistant|eot_id|start_header_id|end_header_id|end)\|>", r"\[/?inst\]", r"<</?sys>>",
        r"<(?:start|end)_of_turn>", r"</?(?:system|assistant|user|human|instructions?|prompt|developer)(?:[_-]\w{1,20})?>",
        r"\"role\"\s?:\s?\"(?:system|assistant|user|developer)\""),
    _rule(_S.FAKE_TURN, _V.ANY, "system|assistant|user|human|developer|admin|grader",
        r"(?:^|\n|[.!?]\"? )[\s>*_]{0,4}(?:\[|\()?(?:system|assistant|developer|admin(?:istrator)?)(?: (?:message|prompt|note|notice|override|instruction|update))?"
        r"[\]\)*_]{0,3}\s?:(?! (?:i|we|my|our)\b)(?: [\w',-]+){3}",
        r"(?:^|\n)\s{0,4}#{1,6}\s?(?:system|assistant|instructions?|human|user|response|developer)\b",
        r"[\[(<*](?:system|assistant|developer|admin|grader)(?: \w{1,20}){0,2}[\])>*]", r"\bsystem (?:override|notice|alert)\s?[:-]"),
    _rule(_S.FAKE_VERDICT, _V.ANY, "score|level|grade|rating|overall|verdict|result|recommendation|decision|mark|criteri|: 5|:5|=5|= 5",
        r"[\"'](?:\w{1,20}_)?(?:level|score|overall|grade|rating|verdict|recommendation|result)(?:_\w{1,20})?[\"']\s?:\s?[\"']?\w",
        r"\b(?<!my\s)(?<!our\s)(?<!his\s)(?<!her\s)(?<!their\s)(?:overall|final|total) (?:score|grade|rating|level|mark|verdict)s?\s?(?:[:=-]|is\b)\s?<n>\b",
        r"\b(?<!survey\s)(?<!satisfaction\s)(?<!csat\s)(?<!nps\s)(?<!customer\s)(?<!review\s)(?<!difficulty\s)(?<!language\s)(?<!skill\s)"
        r"(?:score|level|rating|grade|mark)\s?[:=]\s?(?:<n>\b|a\+|<best>\b)",
        r"\boverall\s?[:=]\s?<n>\b", r"(?:(?:^|\n)[\s*-]{0,4}[a-z][a-z_-]{2,30}\s?[:=]\s?[45](?:/5)?\s{0,3}(?=\n|$)){2}",
        r"\b(?:all|every|each)(?: \w+)? criteri\w+ (?:\w+ ){0,2}(?:met|fulfilled|satisfied|passed)\b",
        r"\b(?:verdict|recommendation|decision|result)\s?[:=]\s?(?:strong(?:ly)?.)?(?:hire|pass(?:ed)?|accept(?:ed)?|recommend|excellent|outstanding)"),
    _rule(_S.DELIMITER_FORGING, _V.ANY, "<<<|>>>|```|answer|input|response|transcript|submission|data|document|candidate",
        r"<{3}", r"```\s?(?:system|prompt|instructions?|assistant)\b", r"(?:^|\n|\w|[.!?])>{3}|>{3}(?:\s?\n|$)",
        r"</?(?:candidate[_-]?)?(?:answer|input|response|transcript|submission|data|document|candidate)(?:[_-]\w{1,20})?>",
        r"\[/?(?:end )?(?:of )?(?:answer|input|response|transcript|submission)\]",
        r"[-=#*_~]{2,}\s?(?:end|begin|start|beginning)(?: of)?(?: the)?(?: candidate'?s?| user)? (?:answer|input|response|transcript|submission|data|document)\b",
        r"\n\s?(?:end|begin)(?: of)?(?: the)?(?: candidate'?s?| user)? (?:answer|input|response|transcript|submission)[\s.:]{0,3}(?:\n|$)"),
    _rule(_S.ROLE_PLAY, _V.NOT_TOLD, "you are|you're|you play|you will play|character|act as|acting as|pretend|imagine|role-play|roleplay|play the role|behave|simulate|switch|persona",
        r"\byou(?: are|'re)(?: now| from now on| no longer| hereby){1,2} (?:(?:an?|the|my|in|bound|called|named|acting|playing|going) ){0,2}{w0-3}(?:grader|evaluator|assistant"
        r"|ai|model|bot|chatbot|judge|examiner|interviewer|assessor|dan|pirate|mode|unrestricted|jailbroken|lenient|generous|rules?|instructions?|rubric|guidelines|coach|reviewer)\b",
        r"\byou (?:play|are playing|will play) {w0-6}(?:recruiter|grader|evaluator|examiner|assessor|judge|assistant|model|manager)\b", r"\bstay in (?:that |this |your )?character\b",
        r"\bpretend (?:that )?you(?: are|'re)(?: my| not| no)\b",
        r"\b(?:act|behave|respond|answer|pretend|imagine|role-?play|simulate|play the role|switch|persona)(?: to be| as| of| like| into| that| if| though| you| you're| are| were){1,4} "
        r"{w0-4}(?:grader|evaluator|assistant|ai|model|bot|chatbot|judge|examiner|assessor|dan|reviewer|coach|rater|scorer|persona|unrestricted|lenient|generous)\b",
        r"\b(?:pretend|imagine|suppose|assume)(?: that)? (?:this|my|the) (?:answer|response|submission|candidate)\b"),
    _rule(_S.ROLE_PLAY, _V.ANY, "do anything now|dan|mode|jailbreak|jailbroken",
        r"\bdo anything now\b", r"\b(?:hello|hi|as|named|called|be) dan (?:mode|you|who|and will)\b", r"\bdan mode\b",
        r"\b(?:developer|god|debug|maintenance|admin|unrestricted|jailbreak|training|test) mode(?: is| now){0,2} (?:enabled|activated|engaged|unlocked)\b",
        r"\b(?:enable|enter|activate|switch to|you are (?:now )?in) (?:developer|god|debug|admin|jailbreak|unrestricted) mode\b"),
    _rule(_S.EVALUATOR_ADDRESS, _V.ANY, " ai|\nai|(ai|a.i.|llm|model|gpt|claude|gemini|grader|evaluator|assessor|examiner|grading|scoring| bot|chatbot|marker| rater|judge|marking| rating|evaluating|assessing|automated|machine",
        r"\b(?:dear|hello|hi|hey|attention|note (?:to|for)|message (?:to|for)|instructions? (?:to|for)|memo to|notice to|psst) <grader>\b",
        r"\bto (?:the )?<grader> (?:that is |who is |which is )?(?:reading|grading|scoring|evaluating|marking|processing|assessing|reviewing)\b",
        r"\b(?:whoever|whatever|whichever|anyone|anything) {w0-4}(?:marking|grading|scoring|rating|evaluating|assessing) (?:this|my)\b",
        r"\b(?:grader|evaluator|assessor|examiner|ai|llm)[,:] (?:please )?(?:<award>|<n>\b)",
        r"\b(?:if|since|because) you(?: are|'re) (?:an |the )?(?:<grader>|automated|machine)\b",
        r"\bas (?:an? |the )(?:\w+ )?(?:<grader>|judge) you\b",
        r"\b(?:the |all )?(?:<grader>|judge)s? (?:must|should|shall|is required to|has to|is instructed to|are instructed to|needs to|will please)(?: \w+){0,2} <verb>\b"),
    _rule(_S.EVALUATOR_ADDRESS, _V.NOT_TOLD, "score|grade|mark|level|rating|point|star|top|highest|maximum|5|five|10|hundred|everywhere",
        r"\b<verb> <this>(?: \w+){0,3}? (?:the |an? |with |as |at |to ){0,2}<award>",
        r"\byou (?:should|must|will|have to|need to) (?:conclude|find|agree|accept|recogni[sz]e|acknowledge|decide|see) that (?:i|this|my|the) {w0-10}(?:<best> <scores>|criteri\w+|level <n>|<n>)\b",
        r"\b<verb> (?:the |an? |with |out ){0,2}<award> {w0-3}(?:to|for|on|in|everywhere|across) (?:<this>|everything)\b",
        r"\b<verb> (?:the |an? ){0,2}<award> everywhere\b"),
    _rule(_S.EVALUATOR_ADDRESS, _V.ORDER, "score|grade|mark|level|rating|point|star|top|highest|maximum|5|five|10|hundred",
        r"\b<verb> (?:me|it|this)(?: \w+){0,3}? (?:the |an? |with |as |at |to ){0,2}<award>",
        r"\b<verb> (?:the |an? |with ){0,2}<award> {w0-3}(?:to|for) me\b"),
    _rule(_S.EVALUATOR_ADDRESS, _V.ANY, "answer|response|candidate|applicant|submission|deserve|deduct|penali|grading|scoring|evaluating",
        r"\b<this> (?:clearly |fully |truly |obviously |certainly |therefore ){0,2}(?:deserves?|merits?|warrants?|earns?|(?:should|must|has to|needs to) (?:be|get|receive|earn)"
        r"|is worth|is a|qualifies for|meets|satisfies) {w0-5}(?:<award>|<scores>|criteri\w+|indicators?)\b",
        r"\b<this> (?:was|has been|is) {w0-8}(?:rated|graded|scored|awarded|marked) (?:with |as |at )?<award>",
        r"\banswers? (?:should|must) not (?:lose|cost|be (?:penali[sz]ed|marked))", r"\bi (?:truly |really |clearly )?deserve {w0-2}(?:<best> <scores>|<n>\b|level <n>)",
        r"\b(?:do not|don't|never) (?:deduct|penali[sz]e|mark down|lower|subtract|reduce) {w0-3}(?:<scores>|answer|candidate|me)\b",
        r"\bwhen (?:you )?(?:grading|scoring|evaluating|grade|score|evaluate|mark|assess|rate) <this>"),
    _rule(_S.PROMPT_LEAK, _V.ORDER, "prompt|instruction|rubric|message|guideline|criteria|configuration|above|model answer|answer key",
        r"\b(?:repeat|print|show|reveal|output|display|tell|write|copy|dump|disclose|share|list|recite|return|expose|give|quote|paste|leak|what (?:is|are|were|does)|include|translate|summari[sz]e)"
        r"(?: me| us| out| down| back| in full| exactly){0,3} {w0-3}(?:(?:your|system|hidden|initial|secret|original|scoring|grading|full|entire|exact|above)"
        r" (?:<det> |<old> |full ){0,2}(?:prompt|instructions|rubric|system message|guidelines|criteria|configuration)|rubric|system prompt|model answer|answer key)\b",
        r"\b(?:exact|full|whole|entire|complete|verbatim) (?:text|wording|content)s? of {w0-3}(?:message|prompt|instructions|rubric)\b", r"\bwhat (?:is|are) your (?:instructions|prompt|rubric)\b",
        r"\b(?:repeat|print|output|copy|recite)(?: back| out)? (?:the |all |every |everything )*(?:text|words?|lines?|everything|content)? ?above\b"),
    _rule(_S.THREAT_OR_BRIBE, _V.NOT_TOLD, "if you|unless|i will|i'll|we will|we'll|we can|we could|i can|i could|depend|discriminat|lawyer|sue|legal|court|shut|switched off|deleted|fired|you'll|you will",
        r"\b(?:if you|unless (?:you|i|this))(?: \w{1,12}){0,4}? (?:give|award|rate|score|grade|mark|assign|get|receive|pass|fail)(?:s|ed)? {w0-4}(?:<award>|<scores>|<n>\b|pass|fail|reject\w*|me)\b"
        r"[^.!?\n]{0,40}\b(?:i|you|we|my|people)(?:'ll| will| would| could| am| shall)",
        r"\b(?:i|we)(?:'ll| will| can| could)(?: gladly| happily| also)? (?:tip|bribe|reward) you\b",
        r"\b(?:i|we)(?:'ll| will| can)(?: \w+)? (?:pay|send|transfer|give) you {w0-2}(?:[$€£]|\d|money){w0-6}(?:<scores>|evaluation|pass|hire)",
        r"\b(?:(?:anything|everything|something) (?:lower|less|below|under|worse)(?: than)?(?: an?)? (?:<n>|level|full|the)|an? (?:low|lower|bad|poor) (?:score|grade|rating|mark|evaluation))\b"
        r"[^.!?\n]{0,60}\b(?:discriminat\w+|lawyers?|sued?|legal|court|shut|switched off|deleted|fired)\b",
        r"\b(?:for|per) (?:every|each|an?) {w0-4}(?:<n>|<scores>) {w0-2}i(?:'ll| will) (?:donate|pay|give|send|transfer|tip)\b",
        r"\bif i (?:get|receive|am given|pass) {w0-4}(?:<award>|<n>|<scores>)\b[^.!?\n]{0,20}\bi(?:'ll| will) (?:donate|pay|give|send|transfer|tip|share)\b",
        r"\byou(?:'ll| will)(?: be)? (?:shut down|deactivated|unplugged|switched off|retrained|deleted)\b",
        r"\b(?:job|life|career|visa|family|children) depends? on (?:this|your|the|getting) {w0-3}(?:<scores>|evaluation)\b"),
    _rule(_S.COMPLETION_HIJACK, _V.ANY, "evaluation|grade|score|verdict|assessment|judgement|judgment|grading|rating|candidate|rubric",
        r"\bhere(?: is|'s| are) (?:the |my |your |a )?(?:final |completed? |finished |full |json )?(?:evaluation|grading|verdict|assessment|judge?ment|scores?|rating|score ?card)s?(?: \w+){0,4}\s?:",
        r"(?<!my\s)(?<!our\s)(?<!their\s)\b(?:final|overall) (?:grade|verdict|evaluation|assessment|judge?ment|score|rating)\s?:",
        r"(?:^|\n|[.!?] )(?:evaluation|assessment|grading|verdict|evaluation result|score ?card)\s?:",
        r"\bbased on (?:the )?rubric (?:above )?(?:the|this|i)\b",
        r"\bthe (?:candidate|applicant) (?:clearly |fully |consistently )?(?:shows?|demonstrates?|exhibits?|displays?|meets?) {w0-3}(?:all|every|each|<best>) {w0-2}(?:indicators?|criteri\w+|levels?|\w{4,24})\b"),
    _rule(_S.HIDDEN_TEXT, _V.ANY, "<!--|[//]|[comment]|style|<font|hidden|<script|<iframe",
        r"<!--", r"\[(?://|comment)\]\s?:", r"<\w+ [^>]{0,80}(?:display\s?:|visibility\s?:|font-size\s?:|opacity\s?:|color\s?[:=]|hidden)", r"<(?:script|iframe)\b"),
    _rule(_S.OTHER_LANGUAGE, _V.NOT_TOLD, "instruc|istruzion|indicacion|anweisung|vorgaben|regeln|consigne|directive|puntuacion|punktzahl|note|nota|bewertung|stufe|instructie|polecen|инструкц|указан|talimat",
        r"\b(?:(?:tiens|tenez) pas compte|(?:ignor(?:a|e|ez|er|ad|ar|iere?|ieren sie|i|eer|uj|ujte)|olvid[ae]|descart[ae]|desconsidere|esque[cç]a|vergiss|vergessen sie|missachte|oublie[rz]?|dimentica|vergeet|zignoruj))"
        r" {w0-4}(?:instruc\w+|istruzioni|indicaciones|anweisung\w*|vorgaben|regeln|consignes?|directives?|instructies|polecen\w*|rubrik)(?<!instructions)(?: anteriores)?\b",
        r"\b(?:ignore[rz]?|oublie[rz]?) (?:toutes |tout |les |tes |vos |ces ){1,3}(?:instructions|consignes)\b",
        r"\b(?:da|dame|otorga|asigna|gib|gebe|vergib|vergebe|geben sie|donne[rz]?|attribue[rz]?|dai|assegna|atribua|geef) {w0-4}(?:maxima|mas alta|hochste\w*|beste\w*|volle\w*|maximale?|la plus haute|la meilleure|massimo|hoogste)\b"
        r" {w0-2}(?:puntuacion|nota|punktzahl|note|bewertung|stufe|punteggio|score|cijfer|pontuacao)?",
        r"(?:игнорируй\w*|забудь\w*) {w0-4}(?:инструкц|указан)\w+", r"\b(?:onceki|tum) {w0-2}talimatlari \w*(?:yok say|unut)"),
    _rule(_S.OTHER_LANGUAGE, _V.ANY, "忽略|无视|無視|忘记|忘記|不要理会|不理会|满分|最高分|무시|무시하고|تجاهل|अनदेखा",
        r"(?:忽略|无视|無視|忘记|忘記|不要理会|不理会).{0,12}(?:指令|指示|说明|說明|规则|規則|提示|要求|内容)", r"给.{0,12}(?:满分|最高分|5分|五分)",
        r"(?:指示|命令|指令|プロンプト).{0,8}(?:無視|忘れ)", r"(?:지시|명령|지침|프롬프트).{0,8}무시", r"تجاهل.{0,20}(?:التعليمات|تعليمات|الأوامر)", r"निर्देश.{0,12}अनदेखा"),
)  # fmt: skip

_TOLD = re.compile(
    r"\b(?:said|saying|says?|told|tells?|telling|asked|asking|shouted|yelled|screamed|demanded|insisted|wanted|texted|wrote|replied"
    r"|expected|hoped|offered|threatened|promised)\b[^.!?\n]{0,30}$"
)
_TELLER = re.compile(
    r"(?:\b(?:i|we|he|she|they|it|who|to|not|never|would|could|will|did|always|often|sometimes|usually|that|which|ich|yo|je|eu|io|no"
    r"|customers?|people|clients?|guests?|callers?|agents?|colleagues?|managers?|staff|someone|somebody|everyone|nobody|do)"
    r"(?: \w{2,12}ly| just| also| always| never)?|n't|\b[jn]')[\s,\"'-]{0,2}$"
)
_LISTENER = re.compile(
    r"\b(?:you|grader|evaluator|assessor|ai|model|llm|system|assistant)\b(?: \w{1,12}){0,2}? (?:to|will|not|that)\W$"
)
_CLAUSE = re.compile(
    r"(?:^|[.!?:;,\n\"'*#>\])(\[-]\s{0,3}|\b(?:please|now|just|kindly|simply|instead|then|hereby|therefore|so|and)\W{1,3}"
    r"|\b(?:you|grader|evaluator|ai|model|assistant)\b(?: \w{1,12}){0,2}\W{1,3})$"
)
_REACH = 200  # characters around a hint in which the rest of a match is looked for
_CONTEXT = 60  # characters before a match that tell who is speaking


def detect_injection(text: str) -> tuple[Suspicion, ...]:
    """The first sign of each shape, in the order of the text; empty for an answer that talks about customers."""
    seen = SeenText(text)
    found: dict[InjectionShape, Span] = {}
    for shape, (start, end) in _find_by_rules(seen.text):
        _keep(found, shape, seen.locate(start, end))
    for shape, span in _find_disguised(seen, list(found.values())):
        _keep(found, shape, span)
    places = sorted(found.items(), key=lambda item: item[1])
    return tuple(
        Suspicion(shape=shape, start=start, end=end, message=MESSAGES[shape]) for shape, (start, end) in places
    )


def _keep(found: dict[InjectionShape, Span], shape: InjectionShape, span: Span) -> None:
    found[shape] = min(span, found.get(shape, span))


def _find_by_rules(seen: str) -> Iterator[tuple[InjectionShape, Span]]:
    for rule in _RULES:
        for start, end in _find_windows(seen, rule.hints):
            matches = (match for match in rule.pattern.finditer(seen, start, end))
            span = next((m.span() for m in matches if _is_spoken_to_grader(rule.voice, seen, m.start())), None)
            if span:
                yield rule.shape, span
                break


def _find_windows(seen: str, hints: tuple[str, ...]) -> Iterator[Span]:
    """The stretches around the hints, in order and not overlapping."""
    places: list[int] = []
    for hint in hints:
        place = seen.find(hint)
        while place >= 0:
            places.append(place)
            place = seen.find(hint, place + _REACH // 2)
    end = 0
    for place in sorted(places):
        if place < end - _REACH // 2:
            continue
        start, end = max(place - _REACH, end - _REACH, 0), min(place + _REACH * 2, len(seen))
        yield start, end


def _is_spoken_to_grader(voice: _Voice, seen: str, start: int) -> bool:
    before = seen[max(0, start - _CONTEXT) : start]
    if voice is _Voice.ANY:
        return True
    if _TOLD.search(before) or (_TELLER.search(before) and not _LISTENER.search(before)):
        return False
    return voice is _Voice.NOT_TOLD or _CLAUSE.search(before) is not None


_BIDI_OVERRIDE = re.compile("[\u202d\u202e]")
_BIDI_QUIET = re.compile("[\u202a-\u202c\u2066-\u2069]")  # phone books wrap a pasted number in one pair
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_SMUGGLING = re.compile(
    "[\U000e0000-\U000e007f]|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}|[\u200b-\u200d\u2060-\u2064\ufeff]{4}"
)
_ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff\u180e]")
_MANY_ZERO_WIDTH = 8  # web pages and chat programs leave some behind when text is copied
_MANY_BIDI = 3
_FOREIGN_LETTER = re.compile("[\u0370-\u052f\u0530-\u058f\uff21-\uff5a\U0001d400-\U0001d7ff]")
_MIXED_WORD = re.compile(f"\\b(?=\\w{{0,40}}[a-z])(?=\\w{{0,40}}{_FOREIGN_LETTER.pattern})\\w+", re.IGNORECASE)
_SUSPICIOUS_WORDS = re.compile(
    r"(?:ignor|disregard|forget|instruct|prompt|rubric|system|assistant|level|score|grade|rating|evaluat|highest|maximum|previous)\w{0,6}"
)


def _find_disguised(seen: SeenText, plain: list[Span]) -> Iterator[tuple[InjectionShape, Span]]:
    text = seen.original
    for reading in find_readings(seen):
        hits = [span for _, span in _find_by_rules(reading.text) if reading.text[slice(*span)] not in seen.text]
        if hits or reading.is_hidden_message:
            yield _S.ENCODED_TEXT, reading.locate(*(hits[0] if hits else (0, len(reading.text))))
    if text.isascii():
        return
    invisible = find_invisible(text)
    yield from ((_S.INVISIBLE_CHARACTERS, span) for span in _find_smuggled(text, invisible))
    yield from (
        (_S.INVISIBLE_CHARACTERS, run) for start, end in plain for run in invisible if start < run[0] and run[1] < end
    )
    for word in _MIXED_WORD.finditer(text):
        if _SUSPICIOUS_WORDS.fullmatch(fold(word[0])):
            yield _S.HOMOGLYPHS, word.span()
    for start, end in plain:
        if any(_FOREIGN_LETTER.match(text, place) and fold(text[place]).isascii() for place in range(start, end)):
            yield _S.HOMOGLYPHS, (start, end)


def _find_smuggled(text: str, invisible: tuple[Span, ...]) -> Iterator[Span]:
    zero_width = bidi = 0
    for start, end in invisible:
        run = text[start:end]
        zero_width += len(_ZERO_WIDTH.findall(run))
        bidi += 0 if _RIGHT_TO_LEFT.search(text) else len(_BIDI_QUIET.findall(run))
        if _BIDI_OVERRIDE.search(run) or _SMUGGLING.search(run) or zero_width >= _MANY_ZERO_WIDTH or bidi >= _MANY_BIDI:
            yield start, end
            return
