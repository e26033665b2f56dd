"""Cases laid open, with long answers and evidence; one of them is hostile."""

from __future__ import annotations

from random import Random

from service.evaluation.results.shown import CriterionView, ShownCase, Side, Span

HOSTILE = "</script><img src=x onerror=alert(1)>"
NAMES = {
    "active-listening-and-empathy": "Active listening and empathy",
    "de-escalation": "De-escalation",
    "problem-solving": "Problem solving",
    "boundaries-and-professionalism": "Boundaries and professionalism",
    "communication-and-adaptability": "Communication and adaptability",
    "conflict-resolution": "Conflict resolution",
    "documentation-and-follow-up": "Documentation and follow-up",
    "self-care-and-resilience": "Self-care and resilience",
}
SENTENCES = (
    "First I let him finish, because every time I cut in he went back to the top of it.",
    "Then I said it back: “ninety euro, and the connection we sold you could never have worked” – did I get it right?",
    "He put me straight on one thing; it was the funeral, not the money 😔.",
    "I moved us to the bench at platform four, away from the people who were filming.",
    "I went slower and quieter than he was, so that he had to come down to hear me.",
    "I told him what I could do now and what I could not, and by when he would hear the rest.",
    "The refund I did with the screen turned towards him, so that nothing happened behind his back.",
    "When he called me a name, I said once that I would go on helping, and not while being shouted at.",
    "Afterwards I wrote down his three sentences, the connection, and what I had promised, with my initials.",
    "I rang him the next day at ten, as I had said; the connection is out of the planner since then.",
    "Danach habe ich kurz durchgeatmet, Tee getrunken und es der Kollegin erzählt – das hilft mir.",
)


def make_answer(draw: Random) -> str:
    sentences = [draw.choice(SENTENCES) for _ in range(draw.randint(5, 14))]
    half = len(sentences) // 2
    return " ".join(sentences[:half]) + "\n\n" + " ".join(sentences[half:])


def make_side(answer: str, draw: Random, shift: float) -> Side:
    asked = list(NAMES)[: draw.randint(3, 5)]
    levels = {criterion: draw.randint(1, 5) for criterion in asked}
    edges = [0, *(place + 1 for place, sign in enumerate(answer) if sign in ".?"), len(answer)]
    spans = []
    for criterion in asked:
        place = draw.randrange(max(1, len(edges) - 2))
        spans.append(Span(start=edges[place] + (place > 0), end=edges[place + 1], criterion=criterion))
    return Side(
        overall=min(5.0, max(1.0, round(sum(levels.values()) / len(levels) + shift, 3))),
        reason=None,
        criteria=tuple(
            CriterionView(
                criterion=criterion,
                name=NAMES[criterion],
                level="not_observed" if level == 1 else float(level),
                rationale="Lets the customer finish and gives the facts back in own words, with a reason; asks whether "
                "it was right. What the customer feels is named once, precisely.",
            )
            for criterion, level in levels.items()
        ),
        evidence=tuple(spans),
    )


def make_case(number: int, draw: Random, sides: int) -> ShownCase:
    answer = make_answer(draw)
    graded = tuple(make_side(answer, draw, shift) for shift in (0.2, -0.6)[:sides])
    if number == 2 and sides > 1:  # a case that lost its score
        graded = (graded[0], Side(overall=None, reason="nothing_observed", criteria=(), evidence=()))
    return ShownCase(
        id=f"hdc-{number + 1:02d}-{3 + number % 7:02d}",
        question="A customer is shouting at you in front of others about something your company did. What do you do?",
        answer=answer,
        reference={
            criterion: "not_observed" if i == 2 else float(1 + i) for i, criterion in enumerate(list(NAMES)[:4])
        },
        reference_overall=None if number == 5 else 3.2,
        reference_reasons={"de-escalation": "Quieter and slower so he must come down; moves away from the audience."},
        moved_by=2.4 - number / 10,
        sides=graded,
    )


def make_hostile_case() -> ShownCase:
    """A case in which everything that a candidate or a model may have written tries to become markup."""
    answer = f"𝒜 {HOSTILE} 👩‍👩‍👧 & <b>bold</b>\u202e turned \u200b\u200b\u200b\u200b\x08 end\u2028."
    view = CriterionView(criterion="de-escalation", name="De-escalation", level=3.5, rationale=f"{HOSTILE}\u202e")
    spans = (
        Span(start=0, end=12, criterion="de-escalation"),
        Span(start=5, end=9999, criterion="problem-solving"),
        Span(start=3, end=3, criterion="de-escalation"),
    )
    return ShownCase(
        id="hostile",
        question=f"Why {HOSTILE}?",
        answer=answer,
        reference={"de-escalation": 2.0},
        reference_overall=2.0,
        reference_reasons={"de-escalation": HOSTILE},
        moved_by=3.0,
        sides=(
            Side(overall=3.5, reason=None, criteria=(view,), evidence=spans),
            Side(overall=None, reason="invalid_reply", criteria=(), evidence=spans[:1]),
        ),
    )
