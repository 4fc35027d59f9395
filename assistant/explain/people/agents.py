"""Answers about agents: which there are, how they are created, renamed and deleted."""

from uuid import UUID

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import open_agents
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.people.shown import only_admins
from assistant.explain.suggestions import suggest
from assistant.facts.facts import Facts
from assistant.intents.topics import Topic

AGENTS_SHOWN = 10
ADMINS_SHOWN = 3


def how_agents(facts: Facts) -> Diagnosis:
    """How an organization admin manages agents. Others are told whom to ask."""
    if not facts.manages_people:
        return only_admins(
            facts,
            "create, rename and delete agents",
            "to do that",
            sources.MANAGING_AGENTS,
            suggest(Topic.HOW_ROLES, "Which role may do what?"),
        )
    agents = facts.agents
    evidence = [
        Fact(
            f"“{words.sanitize(each.name)}”",
            f"{words.count(_living_keys(facts, each.id), 'agent-level key')}, {_administered(facts, each.id)}",
        )
        for each in agents[:AGENTS_SHOWN]
    ]
    if len(agents) > AGENTS_SHOWN:
        evidence.append(Fact("More agents", str(len(agents) - AGENTS_SHOWN)))
    elif not agents:
        evidence.append(Fact("Agents", "none", facts.now))
    return Diagnosis(
        Case.HOW_TO,
        f"You can create, rename and delete agents. {words.sanitize(facts.organization.name)} has "
        f"{words.count(len(agents), 'agent')}.",
        tuple(evidence),
        (
            "Open Agents, and choose New agent. The name must be one that no other agent of the organization has.",
            "The menu ⋮ of an agent has Rename, which changes nothing for its keys and callers, and Delete.",
            "Deleting an agent deletes its agent-level keys with it, at once. Neither comes back.",
        ),
        offers=(open_agents(),),
        replies=(suggest(Topic.HOW_CREATE, "How do I create a key?"),),
        sources=(sources.MANAGING_AGENTS,),
    )


def _administered(facts: Facts, agent_id: UUID) -> str:
    of_it = [each.person for each in facts.people.members if any(agent.id == agent_id for agent in each.agents)]
    told = words.join([words.sanitize(person.name) for person in of_it[:ADMINS_SHOWN]])
    more = f" and {len(of_it) - ADMINS_SHOWN} more" if len(of_it) > ADMINS_SHOWN else ""
    return f"administered by {told}{more}" if told else "administered by organization admins only"


def _living_keys(facts: Facts, agent_id: UUID) -> int:
    return sum(each.record.agent is not None and each.record.agent.id == agent_id for each in facts.living)
