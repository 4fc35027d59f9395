"""Answers about agents: which there are, how they are created, renamed and deleted."""

from uuid import UUID

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import open_agents, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.people.shown import only_admins
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic
from assistant.language.text import Text, Words, counted, listed, say

AGENTS_SHOWN = 10
ADMINS_SHOWN = 3


def how_agents(facts: Facts) -> Diagnosis:
    """How an organization admin manages agents. Others are told whom to ask."""
    if not facts.manages_people:
        return only_admins(
            facts,
            say("Only organization admins can create, rename and delete agents."),
            say("Ask an organization admin to do that: {admins}.", admins=whom(facts)),
            sources.MANAGING_AGENTS,
            suggest(Topic.HOW_ROLES, say("Which role may do what?")),
        )
    agents = facts.agents
    evidence = [
        Fact(
            words.named(each),
            counted(
                "{count} agent-level key, {administered}",
                "{count} agent-level keys, {administered}",
                _living_keys(facts, each.id),
                administered=_administered(facts, each.id),
            ),
        )
        for each in agents[:AGENTS_SHOWN]
    ]
    if len(agents) > AGENTS_SHOWN:
        evidence.append(Fact(say("More agents"), str(len(agents) - AGENTS_SHOWN)))
    elif not agents:
        evidence.append(Fact(say("Agents"), say("none"), facts.now))
    return Diagnosis(
        Case.HOW_TO,
        counted(
            "You can create, rename and delete agents. {organization} has {count} agent.",
            "You can create, rename and delete agents. {organization} has {count} agents.",
            len(agents),
            organization=words.sanitize(facts.organization.name),
        ),
        tuple(evidence),
        (
            say("Open Agents, and choose New agent. The name must be one that no other agent of the organization has."),
            say("The menu ⋮ of an agent has Rename, which changes nothing for its keys and callers, and Delete."),
            say("Deleting an agent deletes its agent-level keys with it, at once. Neither comes back."),
        ),
        offers=(open_agents(),),
        replies=(suggest(Topic.HOW_CREATE, say("How do I create a key?")),),
        sources=(sources.MANAGING_AGENTS,),
    )


def _administered(facts: Facts, agent_id: UUID) -> Text:
    of_it = [each.person for each in facts.people.members if any(agent.id == agent_id for agent in each.agents)]
    if not of_it:
        return say("administered by organization admins only")
    told: list[Words] = [words.sanitize(person.name) for person in of_it[:ADMINS_SHOWN]]
    if len(of_it) > ADMINS_SHOWN:
        told.append(say("{number} more", number=len(of_it) - ADMINS_SHOWN))
    return say("administered by {people}", people=listed(told))


def _living_keys(facts: Facts, agent_id: UUID) -> int:
    return sum(each.record.agent is not None and each.record.agent.id == agent_id for each in facts.living)
