"""Ask an agent as its tests do: yes, no, or the reason why it cannot be told."""

from twinbeat.agents.base import Agent, AgentError, Found


async def is_running(agent: Agent) -> bool:
    """Whether the resource runs; raises `AgentError` when the look failed."""
    outcome = await agent.monitor()
    assert outcome.seconds >= 0
    if outcome.found is Found.FAILED:
        raise AgentError(outcome.reason)
    return outcome.found is Found.RUNNING
