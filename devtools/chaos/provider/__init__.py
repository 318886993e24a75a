"""An image provider on the loopback interface that counts the calls it would bill, in a process that no fault hits.

It implements the wire formats of OpenAI and Replicate, so that our real providers are tested. It recognises the task of
a call by a marker in the prompt, `[task:<id>]`, which the producer adds.
"""

from devtools.chaos.provider.behaviour import Behaviour
from devtools.chaos.provider.counting import CountingProvider, marked
from devtools.chaos.provider.kinds import Kind

__all__ = ["Behaviour", "CountingProvider", "Kind", "marked"]
