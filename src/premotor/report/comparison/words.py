"""A comparison in sentences, and its page of Markdown: the claim first."""

from collections.abc import Iterator

from premotor.comparison_records import Comparison
from premotor.report.comparison.tables import minus, primary, tables
from premotor.report.table import markdown as as_markdown
from premotor.report.table import shown

_STAGES = {
    "under way": "Not all planned runs are in: intervals so far, nothing is claimed.",
    "incomplete": "A planned run gave no result: intervals are shown, nothing is claimed.",
    "stopped": "Stopped at the one look that the plan announced, for futility.",
    "complete": "All planned runs are in.",
}
_HEADLINES = {
    "helped": "helped",
    "hurt": "hurt",
    "no effect": "no effect of the size that matters",
    "not decided": "not decided",
}
_SECTIONS = {  # in the order of the page
    "claim": "The claim",
    "arms": "Arms side by side",
    "tasks": "By task",
    "spread": "Spread over seeds",
    "gradients": "How strongly alignment pulls",
    "alignment": "Alignment over training",
    "cost": "What it cost",
}


def standing(found: Comparison) -> tuple[str, ...]:
    """What kind of comparison it is, and how far it has come."""
    pilot = "" if found.counted else "A pilot, on which nothing is claimed. "
    seeds = len(found.seeds_planned)
    said = (
        f"{pilot}{len(found.arms)} arms, {seeds} training seed{'s' if seeds > 1 else ''}, "
        f"{found.steps:,} updates each, {len(found.tasks)} "
        f"task{'s' if len(found.tasks) > 1 else ''}, judged on split {found.split}."
    )
    stage = () if found.verdict is None else (_STAGES[found.verdict.stage],)
    return said, *stage


def headline(found: Comparison) -> dict[str, str]:
    """By co-primary outcome: what the verdict comes to in a few words; "" without one."""
    if found.verdict is None or not found.counted:
        return {outcome.name: "" for outcome in primary(found)}
    kinds = {o.outcome: _HEADLINES[o.kind] for o in found.verdict.outcomes}
    return {outcome.name: kinds.get(outcome.name, "") for outcome in primary(found)}


def claims(found: Comparison) -> tuple[str, ...]:
    """One sentence per co-primary outcome, its interval in it; then what it may be called."""
    if found.verdict is None:
        return ("No run of both arms is finished: nothing can be said yet.",)
    if not found.counted:
        differences = ((o, difference(found, o.name)) for o in primary(found))
        return tuple(f"{_capital(o.words)}, {minus(found)}: {d}." for o, d in differences if d)
    helped = {o.outcome for o in found.verdict.outcomes if o.kind == "helped"}
    mirrored = [verdict for verdict in found.mirror if verdict.outcome in helped]
    verdicts = (*found.verdict.outcomes, *mirrored)
    return tuple(f"{_about(found, v.outcome)}: {_sentence(v.sentence)}" for v in verdicts)


def _about(found: Comparison, name: str) -> str:
    outcome = found.outcome(name)
    return _capital(outcome.words if outcome else name)


def cannot(found: Comparison) -> tuple[str, ...]:
    """What the comparison cannot show, a sentence each."""
    simulated = (
        f"Success is that of the simulator {found.provenance.simulator}: these are not RLBench "
        "numbers and do not compare with them"
        if found.provenance.simulator
        else ""
    )
    told = (_in_words(found, said) for said in found.cannot)
    return tuple(_sentence(_capital(said)) for said in (*told, simulated) if said)


def _in_words(found: Comparison, sentence: str) -> str:
    """A sentence that begins with an outcome's name on record, with its name in words."""
    name, comma, rest = sentence.partition(",")
    outcome = found.outcome(name)
    return f"{outcome.words}{comma}{rest}" if outcome else sentence


def difference(found: Comparison, outcome: str) -> str:
    """The primary contrast of an outcome as "+3.2 points (+1.1 to +5.3)"; "" where unknown."""
    contrast = found.contrast(found.claim, outcome)
    if contrast is None or contrast.over_seeds.mean is None:
        return ""
    value = contrast.over_seeds.interval or contrast.over_seeds.mean
    text = shown(value, "points", "|")
    number, _, limits = text.partition("|")
    return f"{number} points {limits}".strip()


def markdown(found: Comparison) -> str:
    """All of it as Markdown: the claim with its interval, what it cannot show, then the tables."""
    own = tables(found)
    parts = [f"# {found.name}", " ".join(standing(found))]
    for name, title in _SECTIONS.items():
        body = [as_markdown(table).strip() for table in own[name]]
        if name == "claim":
            body = [*_listed(claims(found)), *body, "## What it cannot show"]
            body += _listed(cannot(found))
        if body:
            parts += [f"## {title}", *body]
    parts += ["## Plan, commands, versions", *_provenance(found)]
    return "\n\n".join(parts) + "\n"


def _listed(sentences: tuple[str, ...]) -> list[str]:
    return ["\n".join(f"- {sentence}" for sentence in sentences)] if sentences else []


def _provenance(found: Comparison) -> Iterator[str]:
    came = found.provenance
    yield "```\n" + "\n".join(came.commands) + "\n```"
    versions = ", ".join(f"{name} {version}" for name, version in sorted(came.versions.items()))
    data = ", ".join(f"{split} {digest}" for split, digest in came.fingerprints.items())
    yield (
        f"- contrast: {minus(found)}\n- code: {came.code_version}\n- plan: {came.plan_digest}\n"
        f"- data: {data}\n- versions: {versions}"
    )
    yield f"```yaml\n{came.plan.strip()}\n```"


def _sentence(text: str) -> str:
    return f"{text.removesuffix('.')}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
